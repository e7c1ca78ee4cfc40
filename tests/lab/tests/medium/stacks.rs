//! Layers that are intact and still not what the description promised.

use std::fs;
use std::ops::ControlFlow;
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sameday_lab::live::Attached;
use sameday_upgrade::digest::Digest;
use samedayd::medium::{Parameter, StickError};

use crate::inside::{Inside, open, promised, stage, traces};
use crate::material;

const PLACE: &str = "live/1.1/1.1.squashfs";

pub fn refused(inside: &Inside) {
    let before = traces();
    // The guest's kernel is built without CONFIG_SQUASHFS_XATTR: there a layer with any attribute is refused, for nobody can look at it.
    let shown = shows_attributes(inside);
    println!("figure: attributes of layers are {}", if shown { "shown" } else { "hidden" });
    let attributes = |case: Option<&'static str>| if shown { case } else { Some("hidden-attributes") };
    for (layer, case, detail) in [
        ("good", None, ""),
        ("opaque", attributes(None), ""),
        (
            "redirect",
            attributes(Some("attribute")),
            if shown { "usr/share/x carries the attribute trusted.overlay.redirect" } else { "" },
        ),
        (
            "metacopy",
            attributes(Some("attribute")),
            if shown { "usr/share/x/f carries the attribute trusted.overlay.metacopy" } else { "" },
        ),
        ("wrong-version", Some("not-as-promised"), "IMAGE_VERSION 1.2, promised was 1.1"),
        ("wrong-channel", Some("not-as-promised"), "SAMEDAY_CHANNEL alpha, promised was stable"),
        ("link-out", Some("os-release"), "not there"),
        ("garbage", Some("not-an-image"), ""),
    ] {
        let bytes = fs::read(material::layer(&inside.dir, layer)).unwrap();
        let mut session = open();
        stage(&mut session, PLACE, &bytes).unwrap();
        session.settle().unwrap();
        let file = session
            .medium()
            .read_back(PLACE, bytes.len() as u64, &Digest::of(&bytes), &mut |_| ControlFlow::Continue(()))
            .unwrap();
        let verdict = session.check_stack(&file, &promised());
        assert_eq!(traces(), before, "{layer}: mounts and loop devices of the look");
        match (verdict, case) {
            (Ok(()), None) => {}
            (Err(error @ StickError::Stack(_)), Some(case)) => {
                assert_eq!(error.reason(), "stack-refused");
                let parameters = error.parameters();
                assert!(parameters.contains(&("case", Parameter::Text(case.to_owned()))), "{layer}: {parameters:?}");
                assert!(format!("{parameters:?}").contains(detail), "{layer}: {parameters:?}");
            }
            (other, _) => panic!("{layer}: {other:?}"),
        }
        drop(file);
        session.close().unwrap();
    }
}

/// Whether this kernel shows the attributes of files in a squashfs.
fn shows_attributes(inside: &Inside) -> bool {
    let device = Attached::new(&material::layer(&inside.dir, "opaque"), true, false).unwrap();
    let point = tempfile::tempdir().unwrap();
    mount(Some(device.path()), point.path(), Some("squashfs"), MsFlags::MS_RDONLY, None::<&str>).unwrap();
    let out = Command::new("getfattr")
        .args(["-m", "-", "--absolute-names"])
        .arg(point.path().join("usr/share/x"))
        .output()
        .unwrap();
    umount2(point.path(), MntFlags::empty()).unwrap();
    String::from_utf8_lossy(&out.stdout).contains("trusted.overlay.opaque")
}
