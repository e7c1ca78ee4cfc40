//! Every method, asked for by every sort of caller. python-dbusmock's polkit answers as the product's own policy says of each sort.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::time::Duration;

use sameday_dbus::{ErrorKind, MethodError, Param, State};
use sameday_lab::bus::Judge;
use sameday_lab::caller::{Caller, Method};
use sameday_lab::case::Case;
use sameday_lab::forge::Forge;
use sameday_lab::machine::Spec;
use sameday_publish::release::Release;

use sameday_lab::given::{given, with};

const POLICY: &str = include_str!("../../../../polkit/org.sameday.upgrader1.policy");

/// Each method, and the action that it takes.
fn methods(kit: &File) -> [(Method<'_>, &'static str); 11] {
    [
        (Method::Check, "check"),
        (Method::OpenKit(kit.as_fd()), "open-kit"),
        (Method::Install("2.0", ""), "install"),
        (Method::Cancel, "cancel"),
        (Method::Pause, "cancel"),
        (Method::Resume, "install"),
        (Method::Discard, "cancel"),
        (Method::Rollback("1.0"), "rollback"),
        (Method::TryAgain("2.0"), "try-again"),
        (Method::LookAt("stable"), "look-at"),
        (Method::Report, "report"),
    ]
}

fn id(action: &str) -> String {
    format!("org.sameday.upgrader1.{action}")
}

/// The actions of the policy, and whether this sort of caller has them without a password.
fn actions(sort: &str) -> Vec<(String, bool)> {
    let of = |text: &str| {
        let (action, rest) = text.split_once('"').unwrap();
        let (_, rest) = rest.split_once(&format!("<{sort}>")).unwrap();
        (action.to_owned(), rest.split_once('<').unwrap().0 == "yes")
    };
    POLICY.split("<action id=\"").skip(1).map(of).collect()
}

fn allowed(sort: &str) -> Vec<String> {
    actions(sort).into_iter().filter(|(_, may)| *may).map(|(action, _)| action).collect()
}

/// A computer whose polkit is told what to allow.
fn computer() -> Case {
    with(&given().world.repository(), &Spec { judge: Judge::Mock, ..Spec::default() })
}

fn allow(case: &mut Case, actions: &[String]) {
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    case.machine().bus().allow(&actions).unwrap();
}

/// The action that the caller would have needed, or none if it was let in, whatever it was told then.
fn missing(caller: &Caller, method: &Method<'_>) -> Option<String> {
    match caller.call(method).unwrap() {
        Err(MethodError::Failure(failure)) if failure.kind == ErrorKind::NotAllowed => {
            assert_eq!(failure.reason, "polkit-refused", "{failure}");
            let Some(Param::Text(action)) = failure.parameters.get("action") else { panic!("{failure}") };
            Some(action.clone())
        }
        Err(MethodError::Bus(error)) => panic!("{method:?}: {error}"),
        _ => None,
    }
}

#[test]
fn every_method_takes_its_action_and_no_other_is_enough() {
    let mut case = computer();
    let caller = Caller::new(&case.machine().bus().address()).unwrap();
    let kit = File::open("/dev/null").unwrap();
    let all: Vec<String> = actions("allow_any").into_iter().map(|(action, _)| action).collect();
    assert!(all.len() >= 9, "{all:?}");
    for (method, action) in methods(&kit) {
        let others: Vec<String> = all.iter().filter(|other| **other != id(action)).cloned().collect();
        allow(&mut case, &others);
        assert_eq!(missing(&caller, &method), Some(id(action)), "{method:?}");
    }
    assert_eq!(case.machine().snapshot().unwrap().state, State::Idle);
    assert!(case.peer().asked().is_empty(), "somebody who may not has made it ask");
    for (method, action) in methods(&kit) {
        allow(&mut case, &[id(action)]);
        assert_eq!(missing(&caller, &method), None, "{method:?}");
    }
    case.end_untouched();
}

#[test]
fn the_user_at_the_computer_may_all_that_takes_no_administrator_and_others_may_nothing() {
    let kit = File::open("/dev/null").unwrap();
    let for_administrators = ["rollback", "look-at", "install-other-channel"].map(id);
    let active = allowed("allow_active");
    let expected: Vec<String> =
        actions("allow_any").into_iter().map(|(a, _)| a).filter(|a| !for_administrators.contains(a)).collect();
    assert_eq!(active, expected);
    assert_eq!(allowed("allow_any"), Vec::<String>::new());
    assert_eq!(allowed("allow_inactive"), Vec::<String>::new());
    let mut case = computer();
    let caller = Caller::new(&case.machine().bus().address()).unwrap();
    for sort in ["allow_any", "allow_inactive", "allow_active"] {
        let has = allowed(sort);
        allow(&mut case, &has);
        for (method, action) in methods(&kit) {
            let lacks = (!has.contains(&id(action))).then(|| id(action));
            assert_eq!(missing(&caller, &method), lacks, "{sort}: {method:?}");
        }
        // Watching is everybody's.
        caller.snapshot().unwrap();
    }
    case.end_untouched();
}

#[test]
fn another_channel_takes_an_administrator_to_look_at_and_to_install_from() {
    let mut case = computer();
    let dir = case.dir().join("alpha");
    Forge::new(&given().world, &dir).unwrap();
    let release = given().world.prepared("3.0", &["1.0"]).unwrap();
    given().world.publish(&Release { repository: dir.clone(), channel: "alpha".parse().unwrap(), ..release }).unwrap();
    case.serve(&dir);
    let caller = Caller::new(&case.machine().bus().address()).unwrap();
    allow(&mut case, &allowed("allow_active"));
    assert_eq!(missing(&caller, &Method::LookAt("alpha")), Some(id("look-at")));
    assert_eq!(caller.snapshot().unwrap().looking.channel, "stable");
    allow(&mut case, &["look-at", "check", "install"].map(id));
    assert_eq!(missing(&caller, &Method::LookAt("alpha")), None);
    case.machine().settled(Duration::from_secs(20)).unwrap();
    let offered = case.machine().check().unwrap();
    assert_eq!(offered.looking.channel, "alpha");
    let offer = offered.offer.clone().unwrap_or_else(|| panic!("{:?}", offered.failure));
    assert_eq!((offer.version.as_str(), offer.channel.as_str()), ("3.0", "alpha"));
    let consent = Method::Install(&offer.version, &offer.digest);
    assert_eq!(missing(&caller, &consent), Some(id("install-other-channel")));
    assert_eq!(case.machine().snapshot().unwrap().state, State::Available);
    // Nor is the other action enough for an upgrade of the image's own channel.
    allow(&mut case, &["install-other-channel", "look-at", "check"].map(id));
    assert_eq!(missing(&caller, &Method::LookAt("")), None);
    case.machine().settled(Duration::from_secs(20)).unwrap();
    let own = case.machine().check().unwrap().offer.unwrap();
    assert_eq!(own.channel, "stable");
    assert_eq!(missing(&caller, &Method::Install(&own.version, &own.digest)), Some(id("install")));
    assert_eq!(missing(&caller, &Method::LookAt("alpha")), None);
    case.machine().settled(Duration::from_secs(20)).unwrap();
    assert_eq!(case.machine().check().unwrap().state, State::Available);
    assert_eq!(missing(&caller, &consent), None);
    let done = case.machine().settled(std::time::Duration::from_secs(60)).unwrap();
    assert_eq!((done.state, done.pending_version.as_str()), (State::RestartPending, "3.0"), "{:?}", done.failure);
}

#[test]
fn a_polkit_that_is_not_there_allows_nothing() {
    let mut case = computer();
    case.machine().bus().hang(true).unwrap();
    let caller = Caller::new(&case.machine().bus().address()).unwrap();
    let address = case.machine().bus().address();
    // A question that is never answered holds up whoever asked, and nobody else.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| Caller::new(&address).unwrap().call(&Method::Check));
        for _ in 0..40 {
            assert_eq!(caller.snapshot().unwrap().state, State::Idle);
        }
        case.machine().bus().hang(false).unwrap();
        let answer = waiting.join().unwrap().unwrap();
        assert!(matches!(answer, Err(MethodError::Failure(failure)) if failure.kind == ErrorKind::NotAllowed));
    });
    assert!(case.peer().asked().is_empty());
    case.end_untouched();
}
