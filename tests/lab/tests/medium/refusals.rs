//! Systems that are not upgraded where they are: each by its own name, and not one byte of the stick changes.

use std::fs;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sameday_lab::live::Attached;
use sameday_lab::stick::Stick;
use samedayd::medium::{Medium, Parameter, Refusal};

use crate::cases::{Case, On};
use crate::inside::{Inside, MEDIUM};

const BOOT_ENV: &str = "live/sameday/boot.env";

pub fn cases(new: fn(&'static str, fn(&Inside)) -> Case) -> Vec<Case> {
    let kernel = |name, parameters, inside| Case { parameters, ..new(name, inside) };
    let stick = |name, prepare, inside| Case { prepare, ..new(name, inside) };
    vec![
        kernel("toram_is_refused", "toram", |_| refused("toram", &[])),
        kernel("toram_with_an_image_is_refused", "toram=filesystem.squashfs", |_| refused("toram", &[])),
        kernel("findiso_is_refused", "findiso=/x.iso", |_| refused("findiso", &[("parameter", "findiso")])),
        kernel("fromiso_is_refused", "fromiso=/dev/sda1/x.iso", |_| refused("findiso", &[("parameter", "fromiso")])),
        Case { write_protected: true, ..new("a_write_protected_stick_is_refused", write_protected) },
        Case { partition: 3, ..new("another_partition_than_the_first_is_refused", |_| ours("not-partition-1")) },
        Case { partition_type: "0700", ..new("another_type_of_partition_is_refused", |_| ours("partition-type")) },
        stick("a_disk_without_gpt_is_refused", without_gpt, |_| ours("no-gpt")),
        stick("a_stick_without_boot_env_is_refused", |stick| stick.remove(BOOT_ENV), |_| ours("no-boot-env")),
        stick(
            "a_short_boot_env_is_refused",
            |stick| stick.write(BOOT_ENV, &[b'#'; 511]),
            |_| damaged("511 bytes where"),
        ),
        stick(
            "an_empty_sector_for_boot_env_is_refused",
            |stick| stick.write(BOOT_ENV, &[0; 512]),
            |_| damaged("not a GRUB"),
        ),
        stick(
            "a_longer_boot_env_is_refused",
            |stick| stick.write(BOOT_ENV, &[b'#'; 1024]),
            |_| damaged("1024 bytes where"),
        ),
        stick(
            "a_huge_boot_env_is_refused",
            |stick| stick.write(BOOT_ENV, &vec![b'#'; 5 << 20]),
            |_| damaged("bytes where"),
        ),
        stick("a_newer_boot_env_is_refused", newer, |_| refused("boot-env-newer-format", &[("format", "2")])),
        stick(
            "a_stick_without_base_is_refused",
            |stick| stick.remove("live/filesystem.squashfs"),
            |_| refused("no-base", &[]),
        ),
        new("no_medium_is_refused", |_| {
            umount2(MEDIUM, MntFlags::MNT_DETACH).unwrap();
            refused("medium-not-found", &[]);
        }),
        new("a_medium_in_memory_is_refused", |_| {
            over("tmpfs", "tmpfs");
            refused("toram", &[]);
        }),
        new("another_file_system_is_refused", |_| {
            over("sysfs", "sysfs");
            refused("unsupported-file-system", &[("file-system", "sysfs")]);
        }),
        Case { on: On::Guest("the module for iso9660 is the guest's"), ..new("an_optical_medium_is_refused", optical) },
    ]
}

fn refusal() -> Refusal {
    Medium::find().expect_err("the medium was taken")
}

/// Some parameters, if any are given, must be there.
fn refused(reason: &str, parameters: &[(&'static str, &str)]) {
    let refusal = refusal();
    assert_eq!(refusal.reason(), reason, "{refusal:?}");
    for (name, value) in parameters {
        let expected = (*name, Parameter::Text((*value).to_owned()));
        assert!(refusal.parameters().contains(&expected), "{expected:?} in {:?}", refusal.parameters());
    }
}

fn ours(why: &str) {
    refused("not-our-stick", &[("why", why)]);
}

fn damaged(text: &str) {
    let refusal = refusal();
    assert_eq!(refusal.reason(), "boot-env-damaged");
    assert!(
        matches!(&refusal.parameters()[..], [("fault", Parameter::Text(fault))] if fault.contains(text)),
        "{refusal:?}"
    );
}

fn write_protected(_: &Inside) {
    let refusal = refusal();
    assert_eq!(refusal.reason(), "read-only");
    assert!(
        matches!(&refusal.parameters()[..], [("device", Parameter::Text(device))] if device.starts_with("loop")),
        "{refusal:?}"
    );
}

fn newer(stick: &Stick) -> io::Result<()> {
    let block = String::from_utf8(stick.read(BOOT_ENV)?).map_err(io::Error::other)?;
    stick.write(BOOT_ENV, block.replacen("format=1", "format=2", 1).as_bytes())
}

fn without_gpt(stick: &Stick) -> io::Result<()> {
    let mut image = fs::File::options().write(true).open(stick.image())?;
    image.seek(SeekFrom::Start(512))?;
    image.write_all(&[0; 512])
}

fn over(source: &str, kind: &str) {
    mount(Some(source), MEDIUM, Some(kind), MsFlags::MS_RDONLY, None::<&str>).unwrap();
}

fn optical(inside: &Inside) {
    let image = inside.dir.join("optical.iso");
    fs::write(&image, iso9660()).unwrap();
    let device = Attached::new(&image, true, false).unwrap();
    mount(Some(device.path()), MEDIUM, Some("iso9660"), MsFlags::MS_RDONLY, None::<&str>).unwrap();
    refused("optical", &[("file-system", "iso9660")]);
    umount2(Path::new(MEDIUM), MntFlags::empty()).unwrap();
}

/// The smallest ISO 9660 volume (ECMA-119): a volume descriptor, the terminator, and an empty root directory.
fn iso9660() -> Vec<u8> {
    const BLOCK: usize = 2048;
    let mut image = vec![0_u8; 32 * BLOCK];
    let both16 = |n: u16| [n.to_le_bytes(), n.to_be_bytes()].concat();
    let both32 = |n: u32| [n.to_le_bytes(), n.to_be_bytes()].concat();
    let entry = |name: u8| {
        let mut record = vec![34, 0];
        record.extend(both32(18));
        record.extend(both32(2048));
        record.extend([126, 1, 1, 0, 0, 0, 0, 2, 0, 0]);
        record.extend(both16(1));
        record.extend([1, name]);
        record
    };
    let mut put = |place: usize, bytes: &[u8]| image[place..place + bytes.len()].copy_from_slice(bytes);
    let descriptor = 16 * BLOCK;
    put(descriptor, b"\x01CD001\x01");
    put(descriptor + 80, &both32(32));
    put(descriptor + 120, &both16(1));
    put(descriptor + 124, &both16(1));
    put(descriptor + 128, &both16(2048));
    put(descriptor + 156, &entry(0));
    put(descriptor + 881, &[1]);
    put(17 * BLOCK, b"\xffCD001\x01");
    put(18 * BLOCK, &entry(0));
    put(18 * BLOCK + 34, &entry(1));
    image
}
