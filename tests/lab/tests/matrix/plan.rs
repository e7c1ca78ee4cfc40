//! The matrix: where a computer is, what happens to it there, and how often each pair is tried.

use std::fmt;

use sameday_lab::random::Random;

/// Where a computer is when something happens to it: the states of `docs/states.md`, and two standings that states do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    Idle,
    Connecting,
    Checking,
    UpToDate,
    Available,
    Manual,
    Downloading,
    Pausing,
    Paused,
    LeftOvers,
    Applying,
    Cancelling,
    Switching,
    RestartPending,
    Undone,
    Failed,
    RolledBack,
    ByHand,
}

impl Place {
    pub const ALL: [Self; 18] = [
        Self::Idle,
        Self::Connecting,
        Self::Checking,
        Self::UpToDate,
        Self::Available,
        Self::Manual,
        Self::Downloading,
        Self::Pausing,
        Self::Paused,
        Self::LeftOvers,
        Self::Applying,
        Self::Cancelling,
        Self::Switching,
        Self::RestartPending,
        Self::Undone,
        Self::Failed,
        Self::RolledBack,
        Self::ByHand,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Checking => "checking",
            Self::UpToDate => "up-to-date",
            Self::Available => "available",
            Self::Manual => "manual",
            Self::Downloading => "downloading",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::LeftOvers => "left-overs",
            Self::Applying => "applying",
            Self::Cancelling => "cancelling",
            Self::Switching => "switching",
            Self::RestartPending => "restart-pending",
            Self::Undone => "undone",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::ByHand => "by-hand",
        }
    }

    /// The stick is being written to.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Downloading | Self::Pausing | Self::Applying | Self::Cancelling | Self::Switching)
    }
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    KillDaemon,
    KillFetcher,
    ClientLeaves,
    ErrorOnce,
    ErrorsForEver,
    Full,
    PulledOut,
    ReadOnly,
    OtherStick,
    ClockAhead,
    ClockBack,
    TorLost,
    Suspend,
}

impl Fault {
    pub const ALL: [Self; 13] = [
        Self::KillDaemon,
        Self::KillFetcher,
        Self::ClientLeaves,
        Self::ErrorOnce,
        Self::ErrorsForEver,
        Self::Full,
        Self::PulledOut,
        Self::ReadOnly,
        Self::OtherStick,
        Self::ClockAhead,
        Self::ClockBack,
        Self::TorLost,
        Self::Suspend,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::KillDaemon => "kill-daemon",
            Self::KillFetcher => "kill-fetcher",
            Self::ClientLeaves => "client-leaves",
            Self::ErrorOnce => "error-once",
            Self::ErrorsForEver => "errors-for-ever",
            Self::Full => "full",
            Self::PulledOut => "pulled-out",
            Self::ReadOnly => "read-only",
            Self::OtherStick => "other-stick",
            Self::ClockAhead => "clock-ahead",
            Self::ClockBack => "clock-back",
            Self::TorLost => "tor-lost",
            Self::Suspend => "suspend",
        }
    }

    /// The device fails or goes away: the file system may then hold what a check complains of, about files that nothing lists.
    pub const fn of_device(self) -> bool {
        matches!(self, Self::ErrorOnce | Self::ErrorsForEver | Self::PulledOut | Self::ReadOnly | Self::OtherStick)
    }

    /// Has nothing to do with the stick's file system, so it is tried on this machine's own kernel.
    pub const fn on_this_machine(self) -> bool {
        matches!(self, Self::KillFetcher | Self::TorLost)
    }
}

/// One case of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Case {
    pub place: Place,
    pub fault: Fault,
    /// The draws of one pair differ by this.
    pub draw: u32,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.place.code(), self.fault.code(), self.draw)
    }
}

impl Case {
    pub fn random(&self, seed: u64) -> Random {
        Random::new(seed, &self.to_string())
    }
}

/// How often a pair is drawn: instants matter where the stick is being written to, most of all to a daemon that is killed.
const fn draws(place: Place, fault: Fault) -> u32 {
    match (place, fault) {
        (Place::Downloading | Place::Applying, Fault::KillDaemon) => 14,
        (Place::Pausing | Place::Cancelling | Place::Switching, Fault::KillDaemon) => 5,
        (Place::Applying, fault) if fault.of_device() => 5,
        (place, fault) if place.writes() && fault.of_device() => 3,
        (Place::Downloading, Fault::KillFetcher | Fault::TorLost | Fault::Suspend | Fault::Full) => 3,
        _ => 1,
    }
}

pub fn all() -> Vec<Case> {
    let pairs = Place::ALL.into_iter().flat_map(|place| Fault::ALL.map(|fault| (place, fault)));
    pairs.flat_map(|(place, fault)| (0..draws(place, fault)).map(move |draw| Case { place, fault, draw })).collect()
}

/// A tenth of all, drawn so that every place and every fault is in it.
pub fn tenth(seed: u64) -> Vec<Case> {
    let mut random = Random::new(seed, "tenth");
    let mut left = all();
    let wanted = left.len().div_ceil(10);
    let mut chosen: Vec<Case> = Vec::new();
    let mut take = |fits: &dyn Fn(&Case, &[Case]) -> bool| {
        let fitting: Vec<usize> = (0..left.len()).filter(|at| fits(&left[*at], &chosen)).collect();
        if !fitting.is_empty() {
            chosen.push(left.swap_remove(random.one_of(&fitting)));
        }
        chosen.len()
    };
    for place in Place::ALL {
        // Of each place another fault, as long as there are such.
        take(&|case, chosen| {
            case.place == place && (chosen.len() >= Fault::ALL.len() || chosen.iter().all(|c| c.fault != case.fault))
        });
    }
    while take(&|_, _| true) < wanted {}
    chosen.sort_unstable();
    chosen
}
