//! Power cuts, replayed: from the log of what was written to a stick, every state in which a power cut can leave it, each decided as GRUB and
//! live-boot decide it, as it is and after `fsck.fat -a`. All in memory: ten thousand states take seconds.

pub mod directory;
pub mod fat;
pub mod image;
pub mod judge;
pub mod log;
pub mod mend;
#[cfg(test)]
mod sample;
pub mod states;

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use fat::Geometry;
use image::{Image, SECTOR};
use judge::{Judge, Seen};
use mend::Mender;
use states::{Allowed, Draw, Epoch};

use crate::random::Random;
use crate::stick::{FileSystem, PARTITION_START, Stick};

/// What is not as promised is told in full of so many states.
const TOLD: usize = 3;
/// Pieces that are named one by one.
const MOST_NAMED: usize = 12;
/// At least so many states of an epoch.
const FEW: usize = 8;

/// What was recorded.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Its name.
    pub name: String,
    /// The stick before.
    pub before: PathBuf,
    /// The stick afterwards.
    pub after: PathBuf,
    /// What was written to it, with the marks of [`Allowed`].
    pub log: PathBuf,
    /// Bytes of the system's partition.
    pub length: u64,
    /// What starts if the old version is chosen: [`Seen::whole`].
    pub old: Vec<String>,
    /// What starts if the new one is.
    pub new: Vec<String>,
    /// What may start before the first mark.
    pub first: Allowed,
}

/// How many states of a recording are replayed.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Besides every boundary of every write, of each epoch that is not small so many others.
    pub draws: usize,
    /// Of all these, so many in a hundred, but a few of each epoch.
    pub percent: usize,
}

/// What a recording's states do.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Whose they are.
    pub name: String,
    /// Writes and flushes.
    pub writes: usize,
    /// Times without a flush between.
    pub epochs: usize,
    /// States that were replayed.
    pub states: usize,
    /// Those among them that differ from all others.
    pub distinct: usize,
    /// The old version starts, whole.
    pub old: usize,
    /// The new one does.
    pub new: usize,
    /// Neither does, or not the one that must.
    pub neither: usize,
    /// States that were mended: those that differ in tables, directories or blocks.
    pub mended: usize,
    /// Of these, what is not as promised afterwards.
    pub neither_mended: usize,
    /// What was wrong with the first ones.
    pub told: Vec<String>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, writes, epochs, states, distinct, old, new, neither, mended, neither_mended, .. } = self;
        write!(
            f,
            "{name}: {writes} writes in {epochs} epochs; {states} states ({distinct} distinct): old {old}, new {new}, neither {neither}; {mended} after fsck.fat -a: neither {neither_mended}"
        )
    }
}

impl std::ops::AddAssign<&Self> for Figures {
    fn add_assign(&mut self, other: &Self) {
        self.writes += other.writes;
        self.epochs += other.epochs;
        self.states += other.states;
        self.distinct += other.distinct;
        self.old += other.old;
        self.new += other.new;
        self.neither += other.neither;
        self.mended += other.mended;
        self.neither_mended += other.neither_mended;
    }
}

/// What a device that loses what it said it had written comes to.
#[derive(Debug, Clone, Default)]
pub struct Lies {
    /// States that were replayed.
    pub states: usize,
    /// The old version starts at once, whole.
    pub old: usize,
    /// The new one does.
    pub new: usize,
    /// A damaged version starts on trial, and a whole one in the end.
    pub undone: usize,
    /// Damage for ever.
    pub lost: usize,
    /// What was wrong with the first ones.
    pub told: Vec<String>,
}

impl fmt::Display for Lies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, old, new, undone, lost, .. } = self;
        write!(f, "{states} states: old {old}, new {new}, damaged on trial and undone {undone}, lost {lost}")
    }
}

/// A state, written out as a stick.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The stick.
    pub stick: Stick,
    /// What starts, one after the other: [`Seen::whole`].
    pub starts: Vec<String>,
    /// Which state it is, for people.
    pub what: String,
}

/// A state that could be saved.
struct Found {
    epoch: usize,
    draw: Draw,
    starts: Vec<String>,
}

/// A recording that was read.
#[derive(Debug)]
struct Read {
    image: Image,
    epochs: Vec<Epoch>,
}

fn other(error: impl fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

impl Recording {
    fn image(&self, path: &Path) -> io::Result<Image> {
        Image::read(path, PARTITION_START, usize::try_from(self.length).map_err(other)?)
    }

    fn read(&self) -> io::Result<Read> {
        let image = self.image(&self.before)?;
        let data = Geometry::of(&image).map_err(other)?.data;
        let steps = log::parse(&fs::read(&self.log)?).map_err(other)?;
        let start = PARTITION_START / SECTOR as u64;
        let epochs = states::epochs(&steps, start..start + image.sectors() as u64, data, self.first).map_err(other)?;
        Ok(Read { image, epochs })
    }

    /// Whether a state is as promised, and if so, whether the new version starts.
    fn weigh(&self, allowed: Allowed, seen: &Result<Seen, String>) -> Result<bool, String> {
        let starts = seen.as_ref().map_err(Clone::clone)?.whole()?;
        match allowed {
            Allowed::Old | Allowed::Either if self.old == starts => Ok(false),
            Allowed::New | Allowed::Either if self.new == starts => Ok(true),
            _ => Err(format!("{starts:?} start")),
        }
    }

    /// Replays it.
    ///
    /// # Errors
    /// When the recording cannot be read, is not of all that was written, or tells of something outside of the system's partition.
    pub fn replay(&self, judge: &mut Judge, seed: u64, effort: Effort) -> io::Result<Figures> {
        let Read { mut image, epochs } = self.read()?;
        let mender = Mender::new(&image)?;
        let mut random = Random::new(seed, &self.name);
        let mut figures = Figures { name: self.name.clone(), epochs: epochs.len(), ..Figures::default() };
        let (mut known, mut mended) = (HashSet::new(), HashSet::new());
        figures.writes = epochs.iter().map(|epoch| epoch.writes).sum();
        each_state(&mut image, &epochs, &mut random, effort, |image, number, draw| {
            let epoch = &epochs[number];
            figures.states += 1;
            figures.distinct += usize::from(known.insert(image.print()));
            let mut seen = judge.see(image);
            let tell = |figures: &mut Figures, how: &str, why: String| {
                if figures.told.len() < TOLD {
                    let what = named(&draw, epoch);
                    figures.told.push(format!("epoch {number}, {:?} allowed, {what}{how}: {why}", epoch.allowed));
                }
            };
            match self.weigh(epoch.allowed, &seen) {
                Ok(false) => figures.old += 1,
                Ok(true) => figures.new += 1,
                Err(why) => {
                    figures.neither += 1;
                    tell(&mut figures, "", why);
                }
            }
            let print = seen.as_ref().map_or_else(|_| image.print(), |seen| seen.print);
            if mended.insert((print, epoch.allowed.mark())) {
                mender.mend(image)?;
                figures.mended += 1;
                seen = judge.see(image);
                if let Err(why) = self.weigh(epoch.allowed, &seen) {
                    figures.neither_mended += 1;
                    tell(&mut figures, ", after fsck.fat -a", why);
                }
            }
            Ok(())
        })?;
        match image.difference(&self.image(&self.after)?) {
            None => Ok(figures),
            Some(sector) => Err(other(format!("{}: sector {sector} is not what the log says", self.name))),
        }
    }

    /// Replays what is left of it by a device that had a cache, said at each flush that it was written, and lost any of it at the end.
    ///
    /// # Errors
    /// When the recording cannot be read.
    pub fn lied(&self, judge: &mut Judge, seed: u64, states: usize) -> io::Result<Lies> {
        let Read { mut image, epochs } = self.read()?;
        let mut random = Random::new(seed, &format!("{} lied", self.name));
        let pieces: Vec<_> = epochs.iter().flat_map(|epoch| &epoch.pieces).collect();
        let mut lies = Lies::default();
        for _ in 0..states {
            let depth = image.depth();
            let (cached, lost) = (random.index(pieces.len() + 1), random.below(101));
            for piece in &pieces[..cached] {
                image.apply(piece);
            }
            for piece in &pieces[cached..] {
                if random.below(100) >= lost {
                    image.apply(piece);
                }
            }
            lies.states += 1;
            let seen = judge.see(&image);
            let in_the_end = seen.as_ref().map_err(Clone::clone).and_then(Seen::in_the_end);
            match (self.weigh(Allowed::Either, &seen), in_the_end) {
                (Ok(false), _) => lies.old += 1,
                (Ok(true), _) => lies.new += 1,
                (Err(_), Ok(_)) => lies.undone += 1,
                (Err(_), Err(why)) => {
                    lies.lost += 1;
                    if lies.told.len() < TOLD {
                        lies.told.push(why);
                    }
                }
            }
            image.undo_to(depth);
        }
        Ok(lies)
    }

    /// Writes states out as sticks, in `dir`: the two where the commit is, the last that starts the old version and the first that starts the new
    /// one, and `more` of all others, any.
    ///
    /// # Errors
    /// When the recording cannot be read, when one of the two versions never starts, or when a stick cannot be written.
    pub fn save(&self, judge: &mut Judge, seed: u64, more: usize, dir: &Path) -> io::Result<Vec<Saved>> {
        let Read { mut image, epochs } = self.read()?;
        let mut random = Random::new(seed, &format!("{} saved", self.name));
        let mut found: Vec<Found> = Vec::new();
        let boundaries = Effort { draws: 0, percent: 100 };
        each_state(&mut image, &epochs, &mut random, boundaries, |image, number, draw| {
            let seen = judge.see(image).map_err(other)?;
            let starts = seen.whole().map_err(other)?.into_iter().map(str::to_owned).collect();
            found.push(Found { epoch: number, draw, starts });
            Ok(())
        })?;
        let never = |what: &[String]| other(format!("{}: {what:?} never start", self.name));
        let last = found.iter().rposition(|state| state.starts == self.old).ok_or_else(|| never(&self.old))?;
        let mut saved = vec![found.swap_remove(last)];
        let first = found.iter().position(|state| state.starts == self.new).ok_or_else(|| never(&self.new))?;
        saved.push(found.swap_remove(first));
        for _ in 0..more.min(found.len()) {
            saved.push(found.swap_remove(random.index(found.len())));
        }
        saved.into_iter().enumerate().map(|(number, state)| self.write(&epochs, state, dir, number)).collect()
    }

    fn write(&self, epochs: &[Epoch], state: Found, dir: &Path, number: usize) -> io::Result<Saved> {
        let before = Stick::existing(&self.before, FileSystem::Vfat);
        let stick = before.clone_to(&dir.join(format!("{}-{number}.img", self.name)))?;
        let disk = fs::File::options().write(true).open(stick.image())?;
        let here = &epochs[state.epoch];
        let earlier = epochs[..state.epoch].iter().flat_map(|epoch| &epoch.pieces);
        for piece in earlier.chain(state.draw.iter().map(|piece| &here.pieces[usize::from(*piece)])) {
            disk.write_all_at(piece.bytes(), PARTITION_START + (piece.sector * SECTOR) as u64)?;
        }
        let what = format!("{}, epoch {} of {}, {}", self.name, state.epoch, epochs.len(), named(&state.draw, here));
        Ok(Saved { stick, starts: state.starts, what })
    }
}

/// Puts the image into each state that is replayed, one after the other, and what was done to it there is undone. It ends as the log does.
fn each_state(
    image: &mut Image,
    epochs: &[Epoch],
    random: &mut Random,
    effort: Effort,
    mut look: impl FnMut(&mut Image, usize, Draw) -> io::Result<()>,
) -> io::Result<()> {
    for (number, epoch) in epochs.iter().enumerate() {
        for draw in chosen(epoch, random, effort) {
            let depth = image.depth();
            draw.iter().for_each(|piece| image.apply(&epoch.pieces[usize::from(*piece)]));
            look(image, number, draw)?;
            image.undo_to(depth);
        }
        epoch.pieces.iter().for_each(|piece| image.apply(piece));
        image.settle();
    }
    Ok(())
}

/// The states of an epoch that are replayed.
fn chosen(epoch: &Epoch, random: &mut Random, effort: Effort) -> Vec<Draw> {
    let mut all = [epoch.boundaries(), epoch.draws(random, effort.draws)].concat();
    if effort.percent >= 100 {
        return all;
    }
    let wanted = (all.len() * effort.percent / 100).max(FEW).min(all.len());
    (0..wanted).map(|_| all.swap_remove(random.index(all.len()))).collect()
}

/// The pieces of a state, for people.
fn named(draw: &Draw, epoch: &Epoch) -> String {
    let of = epoch.pieces.len();
    if draw.len() > MOST_NAMED { format!("{} of {of} pieces", draw.len()) } else { format!("pieces {draw:?} of {of}") }
}
