//! The states in which a power cut can leave a disk: between two flushes, any part of what was written then may be there, in any order; a large
//! write may be there in part, a sector is there or not.

use std::ops::Range;

use super::image::{Piece, SECTOR};
use super::log::Step;
use crate::random::Random;

/// A large write is torn into pieces of so many sectors (64 KiB); what the file system writes to its tables and directories, into sectors.
const TORN: usize = 128;
/// A write into a file or a directory that is not longer is torn into its sectors.
const SMALL: usize = 16;
/// All subsets of so many pieces are tried.
const FEW: usize = 6;

/// What the stick may start when the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// The old version only: nothing was committed yet, or it was given up.
    Old,
    /// The old one or the new one.
    Either,
    /// The new one only: it was said that it is committed.
    New,
}

impl Allowed {
    /// The mark by which a recording says so.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::Either => "either",
            Self::New => "new",
        }
    }

    fn of(mark: &str) -> Option<Self> {
        [Self::Old, Self::Either, Self::New].into_iter().find(|allowed| allowed.mark() == mark)
    }
}

/// What was written between two flushes.
#[derive(Debug)]
pub struct Epoch {
    /// Its pieces, in the order of the log.
    pub pieces: Vec<Piece>,
    /// What the stick may start if the power goes before the next flush.
    pub allowed: Allowed,
    /// How many writes there were.
    pub writes: usize,
}

/// A state: these pieces of an epoch, in this order, on top of all that came before the epoch.
pub type Draw = Vec<u16>;

/// The epochs of a log, for a part of a disk; `data` is the first sector of that part that belongs to files and directories, `allowed` what may
/// start before the first mark.
///
/// # Errors
/// When something was written elsewhere, or given up.
pub fn epochs(steps: &[Step], part: Range<u64>, data: usize, mut allowed: Allowed) -> Result<Vec<Epoch>, String> {
    let mut epochs = Vec::new();
    let mut open = Epoch { pieces: Vec::new(), allowed, writes: 0 };
    for step in steps {
        match step {
            Step::Write { sector, data: bytes } => {
                let end = sector.checked_add((bytes.len() / SECTOR) as u64).filter(|end| *end <= part.end);
                let first = sector.checked_sub(part.start).filter(|_| end.is_some());
                let first = first.and_then(|first| usize::try_from(first).ok());
                let first = first.ok_or_else(|| format!("outside of the system partition: {step:?}"))?;
                open.writes += 1;
                open.pieces.extend(torn(first, bytes, data));
            }
            Step::Discard { .. } => return Err(format!("{step:?}")),
            Step::Flush if open.pieces.is_empty() => {}
            Step::Flush => epochs.push(std::mem::replace(&mut open, Epoch { pieces: Vec::new(), allowed, writes: 0 })),
            Step::Mark(word) => {
                if let Some(now) = Allowed::of(word) {
                    // Nothing of this epoch is on the disk for good when it is said.
                    (allowed, open.allowed) = (now, now);
                }
            }
        }
    }
    epochs.push(open);
    match epochs.iter().find(|epoch| u16::try_from(epoch.pieces.len()).is_err()) {
        Some(epoch) => Err(format!("{} pieces between two flushes", epoch.pieces.len())),
        None => Ok(epochs),
    }
}

fn torn(first: usize, bytes: &[u8], data: usize) -> Vec<Piece> {
    let sectors = bytes.len() / SECTOR;
    let by = if first < data || sectors <= SMALL { 1 } else { TORN };
    let starts = (first..).step_by(by);
    starts.zip(bytes.chunks(by * SECTOR)).map(|(sector, bytes)| Piece::new(sector, bytes)).collect()
}

impl Epoch {
    /// What is tried however few states are: nothing of it, and one piece after the other, as the log has them.
    #[must_use]
    pub fn boundaries(&self) -> Vec<Draw> {
        (0..=self.count()).map(|end| (0..end).collect()).collect()
    }

    /// Further states: every subset of a few pieces; of many each alone, all but each, and, as many as wanted, any in any order.
    #[must_use]
    pub fn draws(&self, random: &mut Random, wanted: usize) -> Vec<Draw> {
        let all: Draw = (0..self.count()).collect();
        if all.len() <= FEW {
            let subset = |bits: u32| all.iter().copied().filter(|piece| bits >> piece & 1 == 1).collect();
            return (0..1_u32 << all.len()).map(subset).collect();
        }
        let mut draws: Vec<Draw> = all.iter().map(|piece| vec![*piece]).collect();
        draws.extend(all.iter().map(|gone| all.iter().copied().filter(|piece| piece != gone).collect::<Draw>()));
        while draws.len() < wanted {
            let mut left = all.clone();
            // As often nearly nothing as nearly everything.
            let taken = random.index(all.len() + 1);
            draws.push((0..taken).map(|_| left.swap_remove(random.index(left.len()))).collect());
        }
        draws
    }

    fn count(&self) -> u16 {
        u16::try_from(self.pieces.len()).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(sector: u64, sectors: usize) -> Step {
        Step::Write { sector, data: vec![1; sectors * SECTOR] }
    }

    #[test]
    fn writes_are_torn_and_told_apart_by_flushes() {
        let mark = |allowed: Allowed| Step::Mark(allowed.mark().to_owned());
        let steps = [
            Step::Flush,
            write(100, 1),
            write(110, 40),
            Step::Flush,
            Step::Flush,
            write(400, 300),
            mark(Allowed::Either),
            write(400, 16),
            Step::Mark("dm-log-writes-end".into()),
            Step::Flush,
            write(900, 1),
            mark(Allowed::New),
        ];
        let epochs = epochs(&steps, 100..1100, 200, Allowed::Old).unwrap();
        let told: Vec<_> = epochs.iter().map(|epoch| (epoch.writes, epoch.pieces.len(), epoch.allowed)).collect();
        // 300 sectors of a file are three pieces, 40 of the table 40.
        assert_eq!(told, [(2, 41, Allowed::Old), (2, 19, Allowed::Either), (1, 1, Allowed::New)]);
        assert_eq!(epochs[1].pieces[2].sectors(), 300 - 2 * TORN);
    }

    #[test]
    fn what_lies_elsewhere_is_an_error() {
        for step in [write(99, 1), write(1099, 2), write(u64::MAX, 1), Step::Discard { sector: 100, sectors: 1 }] {
            assert!(epochs(std::slice::from_ref(&step), 100..1100, 200, Allowed::Old).is_err(), "{step:?}");
        }
    }

    #[test]
    fn all_subsets_of_few_and_any_order_of_many() {
        let epoch = |sectors| epochs(&[write(0, sectors)], 0..1000, 200, Allowed::Old).unwrap().remove(0);
        let mut random = Random::new(1, "states");
        assert_eq!(epoch(3).boundaries(), [vec![], vec![0], vec![0, 1], vec![0, 1, 2]]);
        assert_eq!(epoch(3).draws(&mut random, 0).len(), 8);
        let draws = epoch(20).draws(&mut random, 200);
        assert_eq!(draws.len(), 200);
        assert!(draws.iter().any(|draw| !draw.is_sorted()) && draws.iter().any(Vec::is_empty));
        for mut draw in draws {
            draw.sort_unstable();
            assert!(draw.windows(2).all(|two| two[0] < two[1]) && draw.iter().all(|piece| *piece < 20));
        }
    }
}
