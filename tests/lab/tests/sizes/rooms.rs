//! A table of sticks of every size of cluster: an upgrade that needs what is free to the byte is offered, and fits; where one cluster is missing it is
//! not, and both numbers are told.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use sameday_lab::process::run;
use sameday_lab::roots::kernel_and_initrd;
use sameday_lab::stick::{FileSystem, PARTITION_START, Spec as StickSpec, Stick};
use sameday_lab::uml;
use sameday_lab::world::{Spec, World};

use crate::guest::{self, Outcome};

/// Bytes of a cluster, and of a stick on which FAT32 has enough of them.
const VFAT: [(u64, u64); 5] =
    [(512, 64 << 20), (1024, 80 << 20), (2048, 160 << 20), (4096, 300 << 20), (8192, 600 << 20)];
const EXT4: [(u64, u64); 2] = [(1024, 64 << 20), (4096, 64 << 20)];

struct Sticks {
    dir: tempfile::TempDir,
    world: World,
}

impl Sticks {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("sameday-sizes-").tempdir().unwrap();
        let world = World::tiny_for_uml(&dir.path().join("world"), Spec::default()).unwrap();
        world.release("2.0").unwrap();
        Self { dir, world }
    }

    fn make(&self, file_system: FileSystem, cluster: u64, size: u64) -> (String, Stick) {
        let (kernel, initrd) = kernel_and_initrd(self.world.root("1.0").unwrap()).unwrap();
        let spec = StickSpec::new(file_system, size, self.world.base_image(), &kernel, &initrd);
        let name = format!("cluster-{cluster}");
        let stick = Stick::build(self.dir.path(), &name, &StickSpec { cluster: Some(cluster), ..spec }).unwrap();
        self.serve(&name);
        (name, stick)
    }

    fn serve(&self, name: &str) {
        symlink(self.world.repository(), self.dir.path().join(format!("{name}.repository"))).unwrap();
    }

    /// A copy of the stick on which so many bytes are taken up.
    fn filled(&self, name: &str, stick: &Stick, bytes: u64, suffix: &str) -> String {
        let name = format!("{name}-{suffix}");
        let copy = stick.clone_to(&self.dir.path().join(format!("{name}.img"))).unwrap();
        fill(&copy, bytes, self.dir.path());
        self.serve(&name);
        name
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Puts a file of zeros on it.
fn fill(stick: &Stick, bytes: u64, dir: &Path) {
    let zeros: PathBuf = dir.join("zeros");
    File::create(&zeros).unwrap().set_len(bytes).unwrap();
    let place = format!("{}@@{PARTITION_START}", stick.image().display());
    match stick.file_system() {
        FileSystem::Vfat => {
            run(Command::new("mcopy").arg("-i").arg(place).arg(&zeros).arg("::filler")).unwrap();
        }
        // Zeros are written to ext4 as the holes that they are; a file of something takes room.
        FileSystem::Ext4 => {
            let noise = vec![1; usize::try_from(bytes).unwrap()];
            stick.write("filler", &noise).unwrap();
        }
    }
}

/// `live/` and `live/sameday/metadata/` may each grow by a cluster for their new names, which is counted, and need not.
const MAY_GROW: u64 = 2;

fn judge(name: &str, cluster: u64, fits: &Outcome, short: &Outcome, exact: bool) {
    let (state, failure) = (fits.state.as_str(), fits.failure.as_str());
    assert_eq!((state, failure), ("restart-pending", ""), "{name}: {fits:?}");
    let to_the_cluster = fits.needed == fits.free && fits.left <= MAY_GROW * cluster;
    assert!(!exact || to_the_cluster, "{name}: to the cluster: {fits:?}");
    assert_eq!(
        (short.state.as_str(), short.failure.as_str()),
        ("manual", "no-room not-enough-room"),
        "{name}: {short:?}"
    );
    assert_eq!(short.files_asked, 0);
    assert!(short.needed > short.free && (!exact || short.needed - short.free == cluster), "{name}: {short:?}");
}

pub fn on_vfat() -> Option<String> {
    if let Some(why) = uml::missing() {
        return Some(why);
    }
    let sticks = Sticks::new();
    let made: Vec<_> = VFAT.iter().map(|(cluster, size)| sticks.make(FileSystem::Vfat, *cluster, *size)).collect();
    let names: Vec<String> = made.iter().map(|(name, _)| name.clone()).collect();
    let pristine = guest::upgrades(sticks.path(), &names, false);
    let mut filled = Vec::new();
    for (((name, stick), (cluster, _)), found) in made.iter().zip(VFAT).zip(&pristine) {
        let surplus = found.free - found.needed;
        assert_eq!(surplus % cluster, 0, "{name}: {found:?}");
        filled.push(sticks.filled(name, stick, surplus, "fits"));
        filled.push(sticks.filled(name, stick, surplus + cluster, "short"));
    }
    let outcomes = guest::upgrades(sticks.path(), &filled, true);
    for ((pair, (cluster, _)), name) in outcomes.chunks(2).zip(VFAT).zip(&names) {
        judge(name, cluster, &pair[0], &pair[1], true);
    }
    println!("sizes: {} sticks of vfat", filled.len());
    None
}

pub fn here() -> Option<String> {
    let sticks = Sticks::new();
    let repository = sticks.world.repository();
    for (cluster, size) in EXT4 {
        let (name, stick) = sticks.make(FileSystem::Ext4, cluster, size);
        let upgrade = |name: &str, install| {
            let stick = Stick::existing(&sticks.path().join(format!("{name}.img")), FileSystem::Ext4);
            guest::upgrade(&stick, &repository, &sticks.path().join(format!("m-{name}-{install}")), install)
        };
        let found = upgrade(&name, false);
        // What ext4 needs to describe the filler is its own, so the filler is made a little smaller until it is exact enough.
        let surplus = (found.free - found.needed) / cluster * cluster;
        let fits = sticks.filled(&name, &stick, surplus - SLACK * cluster, "fits");
        let short = sticks.filled(&name, &stick, surplus + cluster, "short");
        judge(&name, cluster, &upgrade(&fits, true), &upgrade(&short, true), false);
    }
    println!("sizes: {} sticks of ext4", 2 * EXT4.len());
    None
}

/// Blocks of extents and of the directory that the filler itself may need.
const SLACK: u64 = 16;
