//! A world for all tests of a program, and a computer for each.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails, fails the test")]

use std::path::Path;
use std::sync::OnceLock;

use crate::case::{Case, STICK};
use crate::machine::Spec;
use crate::scratch::Scratch;
use crate::stick::{FileSystem, Stick};
use crate::world::{self, World};

/// A world in which 2.0 is released, and a new stick of it.
#[derive(Debug)]
pub struct Given {
    /// The world.
    pub world: World,
    /// The stick.
    pub stick: Stick,
    _dir: Scratch,
}

/// Made once; the tests only copy from it.
#[must_use]
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
#[must_use]
pub fn start() -> Case {
    with(&given().world.repository(), &Spec::default())
}

/// A computer to which this repository is served.
#[must_use]
pub fn serving(repository: &Path) -> Case {
    with(repository, &Spec::default())
}

/// A computer that is so, and to which this repository is served.
#[must_use]
pub fn with(repository: &Path, spec: &Spec) -> Case {
    Case::of(&given().stick, repository, spec)
}

/// The path of the layer of 2.0.
#[must_use]
pub fn layer() -> String {
    let bytes = std::fs::read(given().world.layer("2.0").unwrap()).unwrap();
    format!("files/{}", sameday_upgrade::digest::Digest::of(&bytes))
}
