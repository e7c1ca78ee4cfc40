//! What a run says at its end: cases per fault, the longest times, how many kills fell where they hurt.

use std::collections::BTreeMap;

use crate::plan::{Case, Fault, Place};
use crate::told::Told;

#[derive(Default)]
pub struct Summary {
    faults: BTreeMap<Fault, (u32, u32)>,
    places: BTreeMap<Place, u32>,
    longest_settled: (u64, String),
    longest_start: (u64, String),
    kills: (u32, u32),
    went_on: u32,
}

impl Summary {
    pub fn add(&mut self, case: &Case, told: &Told) {
        let count = self.faults.entry(case.fault).or_default();
        count.0 += 1;
        count.1 += u32::from(told.wrong.is_some());
        *self.places.entry(case.place).or_default() += 1;
        let longer = |longest: &mut (u64, String), time: u64| {
            if time > longest.0 {
                *longest = (time, case.to_string());
            }
        };
        longer(&mut self.longest_settled, told.settled.unwrap_or(0));
        longer(&mut self.longest_start, told.started);
        if let Some(inside) = told.killed_inside {
            self.kills.0 += 1;
            self.kills.1 += u32::from(inside);
        }
        self.went_on += u32::from(told.went_on.is_some());
    }

    pub fn cases(&self) -> u32 {
        self.faults.values().map(|(count, _)| count).sum()
    }

    pub fn failed(&self) -> u32 {
        self.faults.values().map(|(_, failed)| failed).sum()
    }

    pub fn print(&self, seed: u64) {
        println!("\n{:<18}{:>6}{:>8}", "fault", "cases", "failed");
        for (fault, (count, failed)) in &self.faults {
            println!("{:<18}{count:>6}{failed:>8}", fault.code());
        }
        println!("{:<18}{:>6}{:>8}", "all", self.cases(), self.failed());
        let missing: Vec<&str> =
            Place::ALL.iter().filter(|place| !self.places.contains_key(place)).map(|place| place.code()).collect();
        println!(
            "figure: {} of {} states touched{}",
            self.places.len(),
            Place::ALL.len(),
            if missing.is_empty() { String::new() } else { format!(", not {}", missing.join(", ")) }
        );
        let (time, case) = &self.longest_settled;
        println!("figure: longest time from a fault to a named state: {time} ms ({case})");
        let (time, case) = &self.longest_start;
        println!("figure: longest time from a daemon's start to a named state: {time} ms ({case})");
        println!(
            "figure: {} of {} kills of the daemon between the first byte staged and the end of the commit",
            self.kills.1, self.kills.0
        );
        println!("figure: the user went on in {} cases", self.went_on);
        println!("seed: {seed}");
    }
}
