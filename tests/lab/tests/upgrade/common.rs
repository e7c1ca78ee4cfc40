//! A world for all tests of this program, and a computer for each.

use std::path::Path;
use std::sync::OnceLock;

use sameday_lab::machine::Spec;
use sameday_lab::scratch::Scratch;
use sameday_lab::stick::{FileSystem, Stick};
use sameday_lab::world::{self, World};

pub use sameday_lab::case::{Case, STICK, told};

/// A world in which 2.0 is released, and a new stick of it.
pub struct Given {
    pub world: World,
    pub stick: Stick,
    _dir: Scratch,
}

/// Made once; the tests only copy from it.
pub fn given() -> &'static Given {
    static GIVEN: OnceLock<Given> = OnceLock::new();
    GIVEN.get_or_init(|| {
        let dir = Scratch::until_exit().unwrap();
        let world = World::tiny(&dir.path().join("world"), world::Spec::default()).unwrap();
        world.release("2.0").unwrap();
        let stick = world.stick("stick", FileSystem::of_this_kernel().unwrap(), STICK).unwrap();
        Given { world, stick, _dir: dir }
    })
}

/// A computer to which the world's own repository is served.
pub fn start() -> Case {
    with(&given().world.repository(), &Spec::default())
}

pub fn serving(repository: &Path) -> Case {
    with(repository, &Spec::default())
}

pub fn with(repository: &Path, spec: &Spec) -> Case {
    Case::of(&given().stick, repository, spec)
}

/// The path of the layer of 2.0.
pub fn layer() -> String {
    let bytes = std::fs::read(given().world.layer("2.0").unwrap()).unwrap();
    format!("files/{}", sameday_upgrade::digest::Digest::of(&bytes))
}
