//! One figure: a measured value with its baseline and its goal, on one line that people and programs can read.

use std::fmt;

/// Bytes of a MiB.
const MIB: f64 = 1_048_576.0;

/// A figure.
#[derive(Debug, Clone)]
pub struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    baseline: Option<(String, f64)>,
    most: Option<f64>,
}

impl Figure {
    /// A measured value.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, baseline: None, most: None }
    }

    /// A number of things.
    pub fn count(name: impl Into<String>, value: u64, unit: &'static str) -> Self {
        Self::new(name, exact(value), unit)
    }

    /// Memory, from bytes.
    pub fn mib(name: impl Into<String>, bytes: u64) -> Self {
        Self::new(name, exact(bytes) / MIB, "MiB")
    }

    /// What others need for the same, in the same unit and run.
    pub fn against(self, name: impl Into<String>, value: f64) -> Self {
        Self { baseline: Some((name.into(), value)), ..self }
    }

    /// The goal: of the ratio to the baseline if there is one, otherwise of the value.
    pub fn at_most(self, most: f64) -> Self {
        Self { most: Some(most), ..self }
    }

    fn ratio(&self) -> Option<f64> {
        self.baseline.as_ref().map(|(_, baseline)| self.value / baseline)
    }

    /// Whether its goal is met, if it has one.
    pub fn met(&self) -> Option<bool> {
        self.most.map(|most| self.ratio().unwrap_or(self.value) <= most)
    }
}

/// Counts here stay far below the 2^53 from which on this would round.
pub fn exact(count: u64) -> f64 {
    count as f64
}

/// Whole numbers as such, others with three digits.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} {}", self.name, number(self.value), self.unit)?;
        if let (Some((name, value)), Some(ratio)) = (&self.baseline, self.ratio()) {
            write!(f, "; baseline {name} = {}; ratio = {ratio:.3}", number(*value))?;
        }
        if let (Some(most), Some(met)) = (self.most, self.met()) {
            let unit = if self.baseline.is_some() { String::new() } else { format!(" {}", self.unit) };
            write!(f, "; goal <= {most}{unit}: {}", if met { "met" } else { "miss" })?;
        }
        Ok(())
    }
}

/// Where figures are told. Shown at the end, it says how many goals were met.
#[derive(Debug, Default)]
pub struct Board {
    met: u32,
    missed: u32,
    without: u32,
    skipped: u32,
}

impl Board {
    /// Prints a figure.
    pub fn tell(&mut self, figure: &Figure) {
        println!("{figure}");
        *match figure.met() {
            Some(true) => &mut self.met,
            Some(false) => &mut self.missed,
            None => &mut self.without,
        } += 1;
    }

    /// Says that a figure cannot be had on this machine, and why.
    pub fn skip(&mut self, name: &str, why: &str) {
        println!("{name}: skipped: {why}");
        self.skipped += 1;
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { met, missed, without, skipped } = self;
        write!(f, "goals: {met} met, {missed} missed; {without} figures without a goal, {skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_measured_against_what_and_whether_that_is_enough() {
        let plain = Figure::count("check.first.requests", 5, "requests");
        assert_eq!(plain.to_string(), "check.first.requests = 5 requests");
        assert_eq!(plain.at_most(4.0).to_string(), "check.first.requests = 5 requests; goal <= 4 requests: miss");
        let ratio = Figure::new("apply", 2.5, "s").against("cp", 2.0);
        assert_eq!(ratio.to_string(), "apply = 2.500 s; baseline cp = 2; ratio = 1.250");
        assert_eq!(ratio.at_most(1.3).to_string(), "apply = 2.500 s; baseline cp = 2; ratio = 1.250; goal <= 1.3: met");
    }

    #[test]
    fn a_miss_is_counted_and_a_value_at_its_goal_is_none() {
        let mut board = Board::default();
        board.tell(&Figure::mib("memory", 64 << 20).at_most(64.0));
        board.tell(&Figure::mib("memory", (64 << 20) + 1).at_most(64.0));
        board.tell(&Figure::count("bytes", 1, "bytes"));
        board.skip("sectors", "no kernel");
        assert_eq!(board.to_string(), "goals: 1 met, 1 missed; 1 figures without a goal, 1 skipped");
    }
}
