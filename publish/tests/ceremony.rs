//! What must not get through: between prepare and sign, between sign and assemble, and at the assembly.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "ceremony/world.rs"]
mod world;

use std::path::{Path, PathBuf};

use sameday_publish::ceremony::{
    Assemble, Error, KeyChange, PublicKey, Request, RoleSignature, SignatureFile, Signer, gather, sign,
};
use sameday_publish::keys::SigningKey;
use sameday_trust::Store;
use sameday_trust::schema::canonical_form;
use serde_json::{Value, json};
use world::{World, add, day, remove, renew, threshold};

/// A request as whoever carries it can change it.
fn tampered(request: &Request, change: impl FnOnce(&mut Value)) -> Request {
    let mut content: Value = serde_json::from_slice(request.to_bytes()).unwrap();
    change(&mut content);
    Request::parse(serde_json::to_vec(&content).unwrap()).unwrap()
}

/// A request whose first document says something else.
fn redocumented(request: &Request, change: impl FnOnce(&mut Value)) -> Request {
    tampered(request, |content| {
        let mut signed: Value = serde_json::from_str(content["documents"][0]["signed"].as_str().unwrap()).unwrap();
        change(&mut signed);
        content["documents"][0]["signed"] = json!(String::from_utf8(canonical_form(&signed).unwrap()).unwrap());
    })
}

fn file(request: &Request, signatures: Vec<RoleSignature>) -> SignatureFile {
    let json = json!({"format": 1, "kind": "sameday-signatures", "request": request.digest().to_string(),
        "signatures": signatures});
    serde_json::from_value(json).unwrap()
}

fn document(request: &Request, n: usize) -> String {
    let content: Value = serde_json::from_slice(request.to_bytes()).unwrap();
    content["documents"][n]["signed"].as_str().unwrap().to_owned()
}

fn signature(role: &str, key: &SigningKey, message: &str) -> RoleSignature {
    RoleSignature { role: role.into(), keyid: key.id().into(), sig: key.sign(message.as_bytes()) }
}

#[test]
fn hostile_signatures_change_nothing() {
    let world = World::new();
    let request = world.prepare(vec![renew("root")], day(1)).unwrap();
    let message = document(&request, 0);
    let good = world.signed(&request, &["root-1", "root-2"], day(1));
    type Spoil<'a> = Box<dyn Fn(&mut Assemble) + 'a>;
    type Expected = fn(&Error) -> bool;
    let replace = |signatures: Vec<RoleSignature>| -> Spoil<'_> {
        let request = request.clone();
        Box::new(move |plan| plan.signatures[1].1 = file(&request, signatures.clone()))
    };
    let by = |key: &str, role: &str| signature(role, &world.key(key), &message);
    let stranger = SigningKey::generate().unwrap();
    let second = world.key("root-2");
    let cases: Vec<(&str, Spoil<'_>, Expected)> = vec![
        ("over other bytes", replace(vec![signature("root", &second, &format!("{message} "))]), |e| {
            matches!(e, Error::BadSignature { .. })
        }),
        (
            "another's signature under this key's id",
            replace(vec![RoleSignature { keyid: second.id().into(), ..by("root-1", "root") }]),
            |e| matches!(e, Error::BadSignature { .. }),
        ),
        ("no signature", replace(vec![RoleSignature { sig: String::new(), ..by("root-2", "root") }]), |e| {
            matches!(e, Error::BadSignature { .. })
        }),
        ("a stranger's", replace(vec![signature("root", &stranger, &message)]), |e| {
            matches!(e, Error::ForeignKey { .. })
        }),
        ("a key of another role", replace(vec![by("targets-1", "root")]), |e| matches!(e, Error::ForeignKey { .. })),
        ("a role that is not asked for", replace(vec![by("root-2", "targets")]), |e| {
            matches!(e, Error::OtherRole { .. })
        }),
        ("no role at all", replace(vec![by("root-2", "../root")]), |e| matches!(e, Error::OtherRole { .. })),
        (
            "the same key in two files",
            replace(vec![by("root-1", "root")]),
            |e| matches!(e, Error::Incomplete(missing) if missing[0].found == 1 && missing[0].threshold == 2),
        ),
        (
            "the same key twice in one file",
            replace(vec![by("root-1", "root"), by("root-1", "root")]),
            |e| matches!(e, Error::Incomplete(missing) if missing[0].found == 1),
        ),
        ("an empty file", replace(Vec::new()), |e| matches!(e, Error::Incomplete(_))),
        ("one missing", Box::new(|plan| drop(plan.signatures.pop())), |e| {
            e.to_string() == "not complete, and nothing was changed: root lacks 1 of 2 signatures by the root keys"
        }),
        ("none", Box::new(|plan| plan.signatures.clear()), |e| e.to_string().contains("root lacks 2 of 2")),
        (
            "another request's",
            Box::new(|plan| {
                let other = world.prepare(vec![renew("root")], day(2)).unwrap();
                plan.signatures[1].1 = world.sign(&other, "root-2");
            }),
            |e| matches!(e, Error::OtherRequest(_)),
        ),
        (
            "another request's, relabelled",
            Box::new(|plan| {
                let other = world.prepare(vec![renew("root")], day(2)).unwrap();
                plan.signatures[1].1 = file(&plan.request, world.sign(&other, "root-2").signatures);
            }),
            |e| matches!(e, Error::BadSignature { .. }),
        ),
    ];
    let before = world.tree();
    for (name, spoil, expected) in cases {
        let mut plan = good.clone();
        spoil(&mut plan);
        let refused = gather(&plan).map(drop).unwrap_err();
        assert!(expected(&refused), "{name}: {refused}");
        assert_eq!(world.tree(), before, "{name}");
    }
    world.publish(&good).unwrap();
}

#[test]
fn a_request_that_was_tampered_with_is_refused_at_the_assembly() {
    let world = World::new();
    let request = world.prepare(vec![renew("root")], day(1)).unwrap();
    let good = world.signed(&request, &["root-1", "root-2"], day(1));
    let relabelled = |evil: Request| {
        let mut plan = Assemble { request: evil, ..good.clone() };
        for (_, signed) in &mut plan.signatures {
            *signed = file(&plan.request, signed.signatures.clone());
        }
        plan
    };
    let before = world.tree();

    // Longer-lived by a day, which is a change that words can say: the signatures are what refuses it.
    let evil = redocumented(&request, |root| root["expires"] = json!(day(732).to_string()));
    let refused = gather(&Assemble { request: evil.clone(), ..good.clone() }).unwrap_err();
    assert!(matches!(refused, Error::OtherRequest(_)), "{refused}");
    assert!(matches!(gather(&relabelled(evil)), Err(Error::BadSignature { .. })));

    // Its signers were shown another past: here the true one with a signature more, which no word tells apart.
    let evil = tampered(&request, |content| {
        let mut targets: Value = serde_json::from_str(content["published"]["targets"].as_str().unwrap()).unwrap();
        targets["more"] = json!(1);
        content["published"]["targets"] = json!(targets.to_string());
    });
    assert!(evil.judge(None).is_ok());
    assert!(matches!(gather(&relabelled(evil)), Err(Error::OtherPublished(role)) if role == "targets"));
    let evil = tampered(&request, |content| content["published"]["roots"] = json!([]));
    assert!(matches!(gather(&relabelled(evil)), Err(Error::OtherPublished(role)) if role == "root"));
    assert_eq!(world.tree(), before);
}

#[test]
fn a_request_is_good_once_and_for_what_it_follows() {
    let world = World::new();
    let first = world.prepare(vec![renew("targets")], day(1)).unwrap();
    let rival = world.prepare(vec![renew("targets"), renew("stable")], day(1)).unwrap();
    let names = ["targets-1", "targets-2"];
    let signed = world.signed(&first, &names, day(1));
    let rival = world.signed(&rival, &["targets-1", "targets-2", "stable-1"], day(1));
    let channel = world.prepare(vec![renew("stable")], day(1)).unwrap();
    let channel = world.signed(&channel, &["stable-1"], day(1));
    world.publish(&signed).unwrap();
    let before = world.tree();
    for (plan, role) in [(&signed, "targets"), (&rival, "targets")] {
        let refused = gather(plan).map(drop).unwrap_err();
        assert!(
            matches!(&refused, Error::Stale { role: found, offered: 2, published: 2 } if found == role),
            "{refused}"
        );
    }
    // The channel's next version is still the next one, but its holders read their request beside another targets role.
    assert!(matches!(gather(&channel), Err(Error::OtherPublished(role)) if role == "targets"));
    assert_eq!(world.tree(), before);
    // A renewed timestamp makes no request stale: it happens every six hours.
    let request = world.prepare(vec![renew("stable")], day(2)).unwrap();
    let renewal =
        sameday_publish::timestamp::Renewal { repository: world.repository(), keys: world.keys(), now: day(3) };
    sameday_publish::timestamp::renew(&renewal, &world.passphrase).unwrap();
    world.publish(&world.signed(&request, &["stable-1"], day(4))).unwrap();
    world.check(Store::from_root(world.anchor()), day(4)).unwrap();
}

/// What the words do not say, nobody signs.
#[test]
fn a_request_cannot_say_one_thing_and_do_another() {
    let world = World::new();
    let thief = Signer::key(SigningKey::generate().unwrap()).unwrap().public().clone();
    let root = world.prepare(vec![renew("root")], day(1)).unwrap();
    let targets = world.prepare(vec![renew("targets")], day(1)).unwrap();
    let stable = world.prepare(vec![renew("stable")], day(1)).unwrap();
    let (timestamp_id, stable_id) = (world.id("timestamp-1"), world.id("stable-1"));
    type Change<'a> = Box<dyn FnOnce(&mut Value) + 'a>;
    let unspoken: Vec<(&str, &Request, Change<'_>)> = vec![
        ("no consistent snapshots", &root, Box::new(|r| r["consistent_snapshot"] = json!(false))),
        ("a field more", &root, Box::new(|r| r["x"] = json!(1))),
        ("a role more", &root, Box::new(|r| r["roles"]["mirrors"] = r["roles"]["root"].clone())),
        ("a field more in a role", &root, Box::new(|r| r["roles"]["root"]["x"] = json!(1))),
        ("another specification", &root, Box::new(|r| r["spec_version"] = json!("1.0.0"))),
        ("a key replaced under its id", &root, Box::new(|r| r["keys"][&timestamp_id] = json!(thief.key()))),
        ("a key that nobody has", &root, Box::new(|r| r["keys"][thief.id()] = json!(thief.key()))),
        ("no signing date", &root, Box::new(|r| drop(r.as_object_mut().unwrap().remove("issued")))),
        (
            "a key under a made-up id",
            &root,
            Box::new(|r| {
                r["keys"]["00"] = json!(thief.key());
                r["roles"]["root"]["keyids"].as_array_mut().unwrap().push(json!("00"));
            }),
        ),
        (
            "one key twice in a role",
            &root,
            Box::new(|r| {
                let ids = r["roles"]["root"]["keyids"].as_array_mut().unwrap();
                ids.push(ids[0].clone());
            }),
        ),
        ("other paths", &targets, Box::new(|t| t["delegations"]["roles"][0]["paths"] = json!(["*/*/*/upgrade.json"]))),
        ("not terminating", &targets, Box::new(|t| t["delegations"]["roles"][0]["terminating"] = json!(false))),
        (
            "channels in another order",
            &targets,
            Box::new(|t| t["delegations"]["roles"].as_array_mut().unwrap().reverse()),
        ),
        ("a channel less", &targets, Box::new(|t| drop(t["delegations"]["roles"].as_array_mut().unwrap().pop()))),
        ("no channels", &targets, Box::new(|t| drop(t.as_object_mut().unwrap().remove("delegations")))),
        (
            "a target of its own",
            &targets,
            Box::new(|t| t["targets"]["x"] = json!({"length": 1, "hashes": {"sha256": "00"}})),
        ),
        (
            "a channel's key replaced under its id",
            &targets,
            Box::new(|t| t["delegations"]["keys"][&stable_id] = json!(thief.key())),
        ),
        ("delegations of a channel", &stable, Box::new(|s| s["delegations"] = json!({"keys": {}, "roles": []}))),
        (
            "a target with more to say",
            &stable,
            Box::new(|s| s["targets"]["x"] = json!({"length": 1, "hashes": {"sha256": "00"}, "custom": 1})),
        ),
        (
            "a target by two digests",
            &stable,
            Box::new(|s| s["targets"]["x"] = json!({"length": 1, "hashes": {"sha256": "00", "sha512": "00"}})),
        ),
    ];
    for (name, request, change) in unspoken {
        let refused = world.judge(&redocumented(request, change)).map(drop).unwrap_err();
        assert!(matches!(refused, Error::Unspoken { .. }), "{name}: {refused}");
    }
    let refused = |request: &Request, change: Change<'_>| world.judge(&redocumented(request, change)).unwrap_err();
    assert!(matches!(refused(&root, Box::new(|r| r["version"] = json!(3))), Error::Stale { offered: 3, .. }));
    assert!(matches!(refused(&root, Box::new(|r| r["version"] = json!(1))), Error::Stale { offered: 1, .. }));
    assert!(matches!(
        refused(&root, Box::new(|r| r["expires"] = json!("9999-01-01T00:00:00Z"))),
        Error::Lifetime { .. }
    ));
    assert!(matches!(
        refused(&root, Box::new(|r| r["issued"] = json!("2099-01-01T00:00:00Z"))),
        Error::Lifetime { .. }
    ));
    for bad in [0, 4] {
        let counted = refused(&root, Box::new(move |r| r["roles"]["root"]["threshold"] = json!(bad)));
        assert!(matches!(counted, Error::Publish(sameday_publish::error::Error::KeyCount { .. })), "{counted}");
    }
    let other_form = tampered(&root, |c| c["documents"][0]["signed"] = json!(document(&root, 0).replace(":", ": ")));
    assert!(matches!(world.judge(&other_form), Err(Error::NotARequest(_))));
    let twice = tampered(&root, |c| c["documents"] = json!([c["documents"][0], c["documents"][0]]));
    assert!(matches!(world.judge(&twice), Err(Error::NotARequest(_))));
    let nothing = tampered(&root, |c| c["documents"] = json!([]));
    assert!(matches!(world.judge(&nothing), Err(Error::NothingToSign)));
    let unknown = tampered(&stable, |c| c["published"]["channels"] = json!({}));
    assert!(matches!(world.judge(&unknown), Err(Error::NoRole(role)) if role == "stable"));

    // A path that would write its own words on a terminal.
    for role in ["", "stable\u{1b}[2K", "x".repeat(129).as_str()] {
        let evil = tampered_bytes(&stable, |c| c["documents"][0]["role"] = json!(role));
        assert!(matches!(Request::parse(evil), Err(Error::NotARequest(_))), "{role:?}");
    }
    let evil = redocumented(&stable, |s| {
        s["targets"]["x\r\n\u{1b}[2K\u{9b}2K\u{85}root: nothing changes\u{202e}"] =
            json!({"length": 1, "hashes": {"sha256": "00"}});
    });
    let words = world.judge(&evil).unwrap().words();
    assert!(words.chars().all(|c| matches!(c, '\n' | ' '..='~' | '\u{fffd}')), "{words:?}");
    assert!(!words.lines().any(|line| line.starts_with("root")), "{words}");
}

#[test]
fn a_request_from_another_repository_is_no_request_for_a_holder_who_keeps_the_anchor() {
    let (world, attacker) = (World::new(), World::new());
    let request = attacker.prepare(vec![renew("root")], day(1)).unwrap();
    assert!(request.judge(None).is_ok(), "by itself it holds together");
    assert!(matches!(world.judge(&request), Err(Error::Untrusted(_))));
    // Nor one that shows holders a past that never was: a key that the root does not have signed this targets role.
    let honest = world.prepare(vec![renew("targets")], day(1)).unwrap();
    let forged = tampered(&honest, |content| {
        let mut targets: Value = serde_json::from_str(content["published"]["targets"].as_str().unwrap()).unwrap();
        targets["signed"]["delegations"]["roles"][0]["threshold"] = json!(0);
        content["published"]["targets"] = json!(targets.to_string());
    });
    assert!(matches!(world.judge(&forged), Err(Error::Untrusted(_))));
    for bad in
        ["", "{}", "[", r#"{"format":1,"kind":"x","published":{"roots":[],"targets":"","channels":{}},"documents":[]}"#]
    {
        assert!(matches!(Request::parse(bad.into()), Err(Error::NotARequest(_))), "{bad}");
    }
    let newer = tampered_bytes(&honest, |content| content["format"] = json!(2));
    assert!(Request::parse(newer).unwrap_err().to_string().contains("format 2"));
}

fn tampered_bytes(request: &Request, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut content: Value = serde_json::from_slice(request.to_bytes()).unwrap();
    change(&mut content);
    serde_json::to_vec(&content).unwrap()
}

#[test]
fn changes_that_make_no_sense_are_not_prepared() {
    let world = World::new();
    let known: PublicKey = Signer::key(world.key("root-1")).unwrap().public().clone();
    type Expected = fn(&Error) -> bool;
    let cases: Vec<(Vec<KeyChange>, Expected)> = vec![
        (vec![], |e| matches!(e, Error::NothingToSign)),
        (vec![threshold("root", 2)], |e| matches!(e, Error::NothingToSign)),
        (vec![renew("timestamp")], |e| matches!(e, Error::OnlineRole(_))),
        (vec![renew("beta")], |e| matches!(e, Error::NoRole(_))),
        (vec![threshold("beta", 1)], |e| matches!(e, Error::NoRole(_))),
        (vec![add("root", &known)], |e| matches!(e, Error::KeyThere { .. })),
        (vec![remove("root", "0123456789")], |e| matches!(e, Error::KeyNotThere { found: 0, .. })),
        (vec![remove("root", &world.id("root-1")[..7])], |e| matches!(e, Error::KeyNotThere { .. })),
        (vec![remove("stable", &world.id("alpha-1"))], |e| matches!(e, Error::KeyNotThere { .. })),
        (vec![remove("stable", &world.id("stable-1"))], |e| e.to_string().contains("stable cannot have 0 keys")),
        (vec![threshold("root", 4)], |e| e.to_string().contains("root cannot have 3 keys of which 4 must sign")),
        (vec![threshold("root", 0)], |e| e.to_string().contains("of which 0 must sign")),
        (vec![threshold("root", u64::MAX)], |e| e.to_string().contains("root cannot have")),
    ];
    for (i, (changes, expected)) in cases.into_iter().enumerate() {
        let refused = world.prepare(changes, day(1)).unwrap_err();
        assert!(expected(&refused), "{i}: {refused}");
    }
    // A key that is asked for nothing signs nothing.
    let request = world.prepare(vec![renew("targets")], day(1)).unwrap();
    let change = world.judge(&request).unwrap();
    let refused = sign(&request, &change, &mut Signer::key(world.key("root-1")).unwrap()).unwrap_err();
    assert!(matches!(refused, Error::NotAsked(_)), "{refused}");
    let lone: PathBuf = Path::new("nowhere").into();
    assert!(matches!(SignatureFile::read(&lone), Err(Error::Publish(_))));
}
