//! Builds the one piece of C: what stands between User-mode Linux and the C library.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    const SOURCE: &str = "src/uml/xstate.c";
    println!("cargo::rerun-if-changed={SOURCE}");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it")).join("xstate.so");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", SOURCE, "-o"]).arg(&out).status();
    assert!(built.is_ok_and(|status| status.success()), "cc does not build {SOURCE} (package gcc)");
    println!("cargo::rustc-env=SAMEDAY_XSTATE={}", out.display());
}
