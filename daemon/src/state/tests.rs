//! The state machine against the table in `docs/states.md`.

use std::fs::File;

use super::*;
use crate::evidence::Keepsake;

const TABLE: &str = include_str!("../../../docs/states.md");

fn offered(confirm: bool) -> Arc<Offered> {
    let version: Version = "2.0".parse().unwrap();
    let digest = sameday_upgrade::digest::Digest::of(b"d");
    let offer = Offer {
        version: "2.0".into(),
        digest: digest.to_string(),
        signed_on: "2026-01-01".into(),
        confirm_signed_on: confirm,
        ..Offer::default()
    };
    let upgrade = sameday_upgrade::description::Upgrade {
        version,
        kind: sameday_upgrade::description::Kind::Layer,
        initial_versions: vec![],
        fixes: vec![],
        notes: [].into(),
        details_url: None,
        files: vec![],
        room: 0,
        test_record: None,
    };
    let plan = Plan { upgrade, description: digest, published: String::new(), download: 0, running_withdrawn: false };
    Arc::new(Offered { offer, plan, origin: Origin::Repository, keepsake: Keepsake::default() })
}

fn consent() -> Consent {
    let digest = sameday_upgrade::digest::Digest::of(b"d").to_string();
    Consent { version: "2.0".into(), digest, signed_on: None }
}

fn failure(kind: ErrorKind) -> Failure {
    Failure::new(kind, "x")
}

fn states() -> Vec<State> {
    let progress = Progress::default;
    vec![
        State::Idle,
        State::Checking(Origin::Repository, progress()),
        State::UpToDate,
        State::Available(offered(false)),
        State::Manual(failure(ErrorKind::ManualUpgrade)),
        State::Downloading(offered(false), progress()),
        State::Applying(offered(false), progress()),
        State::Cancelling(None),
        State::RestartPending("2.0".parse().unwrap()),
        State::Failed(failure(ErrorKind::Server)),
    ]
}

fn kit() -> Arc<Kit> {
    Arc::new(Kit::new(File::open("/dev/null").unwrap().into()))
}

fn told(state: &State, event: Event) -> String {
    match next(state, event) {
        Ok((next, _)) => next.code().to_string(),
        Err(failure) => failure.kind.to_string(),
    }
}

#[test]
fn the_code_does_what_the_table_says() {
    let rows: Vec<Vec<String>> = TABLE
        .lines()
        .filter(|l| l.starts_with("| "))
        .map(|l| l.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect())
        .collect();
    let mut seen = 0;
    for state in states() {
        let code = state.code().to_string();
        let row = rows.iter().find(|r| r.len() == 6 && r[0] == code).unwrap_or_else(|| panic!("no row for {code}"));
        let events = [Event::Check, Event::OpenKit(kit()), Event::Install(consent()), Event::Cancel];
        for (event, cell) in events.into_iter().zip(&row[1..5]) {
            let what = format!("{code} × {event:?}");
            assert_eq!(told(&state, event), *cell, "{what}");
            seen += 1;
        }
    }
    assert_eq!(seen, 40);
}

#[test]
fn what_is_installed_is_what_was_consented_to() {
    let available = State::Available(offered(false));
    let other = |change: fn(&mut Consent)| {
        let mut consent = consent();
        change(&mut consent);
        next(&available, Event::Install(consent)).unwrap_err().reason
    };
    assert_eq!(other(|c| c.digest = "0".repeat(64)), "other-offer");
    assert_eq!(other(|c| c.version = "3.0".into()), "other-offer");
}

#[test]
fn an_old_kit_needs_its_date_confirmed() {
    let available = State::Available(offered(true));
    let with = |date: Option<&str>| {
        let consent = Consent { signed_on: date.map(str::to_owned), ..consent() };
        next(&available, Event::Install(consent)).map(|(s, _)| s.code()).map_err(|f| f.reason)
    };
    assert_eq!(with(None), Err("signed-on-needed".into()));
    assert_eq!(with(Some("2026-01-02")), Err("signed-on-differs".into()));
    assert_eq!(with(Some("2026-01-01")), Ok(sameday_dbus::State::Downloading));
}

#[test]
fn what_the_work_reports_leads_on() {
    let version: Version = "2.0".parse().unwrap();
    let checking = State::Checking(Origin::Repository, Progress::default());
    let downloading = State::Downloading(offered(false), Progress::default());
    let cancelling = State::Cancelling(Some(offered(false)));
    let cases = [
        (&checking, Event::Checked(Verdict::UpToDate), "up-to-date"),
        (&checking, Event::Checked(Verdict::Offer(offered(false))), "available"),
        (&checking, Event::Checked(Verdict::Not(failure(ErrorKind::ManualUpgrade))), "manual"),
        (&checking, Event::Checked(Verdict::Not(failure(ErrorKind::NoRoom))), "manual"),
        (&checking, Event::Checked(Verdict::Not(failure(ErrorKind::NotVerified))), "failed"),
        (&State::Cancelling(None), Event::Checked(Verdict::UpToDate), "idle"),
        (&downloading, Event::Progressed(Phase::Apply, Progress::default()), "applying"),
        (&downloading, Event::Installed(Ok(version.clone())), "restart-pending"),
        (&downloading, Event::Installed(Err(failure(ErrorKind::StickFailed))), "failed"),
        (&cancelling, Event::Installed(Err(failure(ErrorKind::Cancelled))), "available"),
        (&cancelling, Event::Installed(Ok(version)), "restart-pending"),
        (&cancelling, Event::Installed(Err(failure(ErrorKind::StickFailed))), "failed"),
        (&cancelling, Event::Progressed(Phase::Download, Progress::default()), "cancelling"),
    ];
    for (state, event, expected) in cases {
        let what = format!("{} × {event:?}", state.code());
        assert_eq!(told(state, event), expected, "{what}");
    }
}

#[test]
fn work_begins_once_for_two_clients_that_check() {
    let (state, effects) = next(&State::Idle, Event::Check).unwrap();
    assert_eq!(effects.len(), 1);
    let (_, effects) = next(&state, Event::Check).unwrap();
    assert!(effects.is_empty());
}
