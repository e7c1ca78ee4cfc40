//! The release side and the sticks that are attacked, made once.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sameday_dbus::State;
use sameday_lab::case::{Case, STICK};
use sameday_lab::forge::Forge;
use sameday_lab::machine::Spec;
use sameday_lab::scratch::Scratch;
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::world::{self, World};
use sameday_publish::release::Release;
use sameday_upgrade::boot_env::Choice;

pub struct Given {
    pub world: World,
    pub new: Stick,
    pub upgraded: Stick,
    dir: Scratch,
}

impl Given {
    /// A true state of the repository: `empty` before anything was released, `released` with 2.0, `next` with 3.0.
    pub fn state(&self, name: &str) -> Option<PathBuf> {
        match name {
            "released" => Some(self.world.repository()),
            "empty" | "next" => Some(self.dir.path().join(name)),
            _ => None,
        }
    }
}

pub fn given() -> &'static Given {
    static GIVEN: OnceLock<Given> = OnceLock::new();
    GIVEN.get_or_init(|| {
        let dir = Scratch::until_exit().unwrap();
        let world = World::tiny(&dir.path().join("world"), world::Spec::default()).unwrap();
        let new = world.stick("new", FileSystem::of_this_kernel().unwrap(), STICK).unwrap();
        Forge::new(&world, &dir.path().join("empty")).unwrap();
        world.release("2.0").unwrap();
        let next = dir.path().join("next");
        Forge::new(&world, &next).unwrap();
        let third = world.prepared("3.0", &["1.0"]).unwrap();
        world.publish(&Release { repository: next, ..third }).unwrap();
        let upgraded = upgraded(&new, &world.repository(), dir.path());
        Given { world, new, upgraded, dir }
    })
}

/// A stick that was upgraded to 2.0, and found good.
fn upgraded(new: &Stick, repository: &Path, dir: &Path) -> Stick {
    let mut case = Case::of(new, repository, &Spec::default());
    assert_eq!(case.machine().check().unwrap().state, State::Available);
    assert_eq!(case.machine().install().unwrap().state, State::RestartPending);
    case.mark_good("2.0", Choice::Base);
    case.stick.clone_to(&dir.join("upgraded.img")).unwrap()
}
