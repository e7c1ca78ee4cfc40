//! Plays an attack, and compares what the daemon says and what is left on the stick.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sameday_dbus::{Param, Snapshot};
use sameday_lab::case::{BOOT_ENV, Case};
use sameday_lab::forge::{Forge, newest, place_of};
use sameday_lab::machine::{Clock, Spec};
use sameday_lab::peer::Lie as Told;
use sameday_lab::world;
use sameday_trust::Time;
use sameday_upgrade::boot_env::{BootEnv, Choice};
use serde_json::Value;

use super::attack::{Attack, Begins, Content, Expected, How, Kit, Left, Lie, Plant, Sign, Step};
use super::given::given;

/// How often a connection is cut in a lie that goes on.
const ALWAYS: u32 = 1_000_000;

struct Play<'a> {
    room: &'a Path,
    case: Case,
    spec: Spec,
    forge: Option<Forge>,
    forges: u32,
}

/// Plays it to its end; the error says at which step what was otherwise.
pub fn play(room: &Path, attack: &Attack) -> Result<(), String> {
    let stick = match attack.stick {
        Begins::New => &given().new,
        Begins::Upgraded => &given().upgraded,
    };
    let clock = attack.clock.as_ref().map(|time| Clock { time: time.clone(), waits: attack.waits });
    let spec = Spec { clock, ..Spec::default() };
    let serves = given().state(&attack.serves).ok_or_else(|| format!("no state {}", attack.serves))?;
    let mut case = Case::prepare(stick, &serves);
    case.start_again(&spec);
    let mut play = Play { room, case, spec, forge: None, forges: 0 };
    for (n, step) in attack.steps.iter().enumerate() {
        play.step(step).map_err(|problem| format!("step {}: {problem}", n + 1))?;
    }
    play.left(&attack.left)
}

impl Play<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Serve(state) => {
                let repository = self.state(state)?;
                self.case.serve(&repository);
            }
            Step::Forge(state) => {
                self.forges += 1;
                let dir = self.case.dir().join(format!("forged-{}", self.forges));
                let forge = Forge::over(&given().world, &self.state(state)?, &dir).map_err(text)?;
                self.case.serve(forge.repository());
                self.forge = Some(forge);
            }
            Step::Sign(sign) => self.sign(sign)?,
            Step::Describe(describe) => {
                let changes = self.changes(&describe.change)?;
                self.forge()?.description(&|d| apply(d, &changes, &describe.remove)).map_err(text)?;
            }
            Step::Rotate(roles) => {
                let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
                self.forge()?.rotate(&roles, world::now()).map_err(text)?;
            }
            Step::Usurp => self.forge()?.usurp().map_err(text)?,
            Step::Lie(lie) => self.lie(lie)?,
            Step::Honest => self.case.peer().honest(),
            Step::Plant(plant) => self.plant(plant)?,
            Step::Restart => self.case.start_again(&self.spec),
            Step::Clock(time) => self.case.machine().set_clock(time).map_err(text)?,
            Step::Check(expected) => {
                let after = self.case.machine().check().map_err(text)?;
                compare(&after, expected)?;
            }
            Step::Install(expected) => {
                let after = self.case.machine().install().map_err(text)?;
                compare(&after, expected)?;
            }
            Step::Kit(kit) => self.kit(kit)?,
        }
        Ok(())
    }

    fn state(&self, name: &str) -> Result<PathBuf, String> {
        match (name, &self.forge) {
            ("forged", Some(forge)) => Ok(forge.repository().to_owned()),
            _ => given().state(name).ok_or_else(|| format!("no state {name}")),
        }
    }

    fn forge(&mut self) -> Result<&mut Forge, String> {
        self.forge.as_mut().ok_or_else(|| "nothing is forged yet".to_owned())
    }

    fn sign(&mut self, sign: &Sign) -> Result<(), String> {
        let changes = self.changes(&sign.change)?;
        let change = |signed: &mut Value| apply(signed, &changes, &sign.remove);
        let forge = self.forge()?;
        match &sign.by {
            None => forge.sign(&sign.role, sign.keys.unwrap_or(1), &change).map_err(text)?,
            Some(by) => {
                let thief = Some(by.as_str()).filter(|by| *by != "stranger");
                forge.sign_as(thief, &sign.role, &change).map_err(text)?;
                if sign.vouched {
                    forge.vouch(&sign.role).map_err(text)?;
                }
            }
        }
        Ok(())
    }

    /// Dates are told from now, or from the root's expiry, in days: `now-90d`, `root-1d`.
    fn changes(&self, change: &BTreeMap<String, Value>) -> Result<BTreeMap<String, Value>, String> {
        let mut changes = change.clone();
        for value in changes.values_mut() {
            let Some(wanted) = value.as_str() else { continue };
            let base = match wanted.get(..4) {
                Some("now+" | "now-") => world::now().plus_seconds(-3600),
                Some("root") => {
                    let (_, _, root) = newest(self.case.served(), "root").map_err(text)?;
                    let expires = root["signed"]["expires"].as_str().unwrap_or_default();
                    expires.parse::<Time>().map_err(text)?
                }
                _ => continue,
            };
            let days = wanted.trim_start_matches(char::is_alphabetic).trim_end_matches('d');
            let days: i64 = days.parse().map_err(|_| format!("{wanted} is no date"))?;
            *value = Value::String(base.plus_seconds(days * 86_400).to_string());
        }
        Ok(changes)
    }

    fn content(&self, content: &Content) -> Result<Vec<u8>, String> {
        match content {
            Content::Text(text) => Ok(text.clone().into_bytes()),
            Content::File(name) => fs::read(self.room.join(name)).map_err(text),
            Content::Of { state, what } => {
                let repository = self.state(state)?;
                fs::read(repository.join(place_of(&repository, what).map_err(text)?)).map_err(text)
            }
        }
    }

    fn lie(&self, lie: &Lie) -> Result<(), String> {
        let served = self.case.served();
        let path =
            if lie.about.contains('/') { lie.about.clone() } else { place_of(served, &lie.about).map_err(text)? };
        let told = match &lie.how {
            How::Flip(offset) => Told::Flip(*offset),
            How::FlipAfter(mark) => {
                let bytes = fs::read(served.join(&path)).map_err(text)?;
                let at = bytes.windows(mark.len()).position(|window| window == mark.as_bytes());
                Told::Flip((at.ok_or_else(|| format!("no {mark} in {path}"))? + mark.len()) as u64)
            }
            How::Longer(more) => Told::Longer(*more),
            How::Absent => Told::Absent,
            How::Instead(content) => Told::Instead(self.content(content)?),
            How::CloseAt(after) => Told::CloseAt(*after, ALWAYS),
            How::Stall(after) => Told::StallAt(*after),
            How::Drip(pause) => Told::Drip(Duration::from_millis(*pause)),
            How::Babble(pause) => Told::Babble(Duration::from_millis(*pause)),
        };
        self.case.peer().lie(&path, told);
        Ok(())
    }

    fn plant(&mut self, plant: &Plant) -> Result<(), String> {
        let content = self.content(&plant.content)?;
        self.case.stop();
        self.case.stick.write(&plant.place, &content).map_err(text)?;
        self.case.from_here();
        self.case.start_again(&self.spec);
        Ok(())
    }

    fn kit(&mut self, kit: &Kit) -> Result<(), String> {
        let repository = self.state(&kit.of)?;
        let file = match kit.of.as_str() {
            // The program that makes kits would refuse.
            "forged" => smuggle(&repository, &self.case.dir().join("forged.kit")).map_err(text)?,
            _ => given().world.kit_of(&repository, &self.case.dir().join("kits")).map_err(text)?,
        };
        let readers = self.case.machine().start_kit_readers().map_err(text)?;
        let after = self.case.machine().open_kit(&file).map_err(text)?;
        drop(readers);
        fs::remove_file(self.case.machine().live().path("/run/sameday/kit.sock")).map_err(text)?;
        compare(&after, &kit.expect)
    }

    fn left(mut self, left: &Left) -> Result<(), String> {
        if let Left::Starts(version) = left {
            self.case.stop();
            let env = self.case.stick.read(BOOT_ENV).map_err(text)?;
            let current = BootEnv::parse(&env).map(|env| env.current).map_err(|e| format!("{e:?}"))?;
            let expected = Choice::Version(version.parse().map_err(|e| format!("{version}: {e:?}"))?);
            return if current == expected { Ok(()) } else { Err(format!("{current:?} starts next")) };
        }
        let (before, after) = self.case.end();
        let same = match left {
            Left::Untouched => before.image == after.image,
            _ => before.tree == after.tree && before.free == after.free,
        };
        if same { Ok(()) } else { Err(format!("the stick is not {left:?}")) }
    }
}

/// A true kit with the metadata of another repository.
fn smuggle(repository: &Path, out: &Path) -> io::Result<PathBuf> {
    let honest = given().world.kit()?;
    let mut archive = tar::Archive::new(fs::File::open(honest)?);
    let mut kit = tar::Builder::new(fs::File::create(out)?);
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        kit.append_data(&mut header, name, bytes)
    };
    for (n, entry) in archive.entries()?.enumerate() {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        if !name.starts_with("metadata/") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            add(&name, &bytes)?;
        }
        if n == 0 {
            let roots = 1..=newest(repository, "root")?.0;
            let mut names: Vec<String> = roots.map(|version| format!("metadata/{version}.root.json")).collect();
            for role in ["timestamp", "snapshot", "targets", "stable"] {
                names.push(place_of(repository, role)?);
            }
            for name in names {
                add(&name, &fs::read(repository.join(&name))?)?;
            }
        }
    }
    kit.into_inner()?;
    Ok(out.to_owned())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn compare(found: &Snapshot, expected: &Expected) -> Result<(), String> {
    let failure = found.failure.as_ref();
    let kind = failure.map(|failure| failure.kind.code()).unwrap_or_default();
    let reason = failure.map(|failure| failure.reason.as_str()).unwrap_or_default();
    let offered = found.offer.as_ref().map(|offer| offer.version.clone()).unwrap_or_default();
    let version = if offered.is_empty() { found.pending_version.clone() } else { offered };
    let role = match (&expected.role, failure.and_then(|failure| failure.parameters.get("role"))) {
        (None, _) => None,
        (_, Some(Param::Text(role))) => Some(role.clone()),
        _ => Some(String::new()),
    };
    let told = (found.state.code(), kind, reason, version.as_str(), role);
    let wanted = (
        expected.state.as_str(),
        expected.kind.as_str(),
        expected.reason.as_str(),
        expected.version.as_str(),
        expected.role.clone(),
    );
    if told == wanted { Ok(()) } else { Err(format!("told {told:?}, not {wanted:?}: {failure:?}")) }
}

fn apply(signed: &mut Value, changes: &BTreeMap<String, Value>, remove: &[String]) {
    for pointer in remove {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        signed.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    }
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let name = name.replace("~1", "/");
        match signed.pointer_mut(parent) {
            Some(Value::Object(object)) => drop(object.insert(name, value.clone())),
            Some(Value::Array(list)) => match name.parse::<usize>() {
                Ok(index) => list[index] = value.clone(),
                Err(_) => list.push(value.clone()),
            },
            other => panic!("{pointer}: {other:?}"),
        }
    }
}
