//! Several clients at once: they see the same, one of them is first, and any of them may cancel.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::time::Duration;

use sameday_dbus::{ErrorKind, MethodError, State};
use sameday_lab::caller::{Caller, Method};
use sameday_lab::forge::place_of;
use sameday_lab::peer::Lie;

use sameday_lab::given::{given, start};

const CLIENTS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(60);

fn clients(case: &mut sameday_lab::case::Case) -> Vec<Caller> {
    let address = case.machine().bus().address();
    (0..CLIENTS).map(|_| Caller::new(&address).unwrap()).collect()
}

/// All ask for the same at once; what each was told.
fn at_once(clients: &[Caller], method: &(dyn Fn() -> Method<'static> + Sync)) -> Vec<Result<(), MethodError>> {
    std::thread::scope(|scope| {
        let asked: Vec<_> = clients.iter().map(|client| scope.spawn(|| client.call(&method()).unwrap())).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    })
}

fn kinds(answers: &[Result<(), MethodError>]) -> Vec<ErrorKind> {
    let of = |answer: &Result<(), MethodError>| match answer {
        Ok(()) => None,
        Err(MethodError::Failure(failure)) => Some(failure.kind),
        Err(MethodError::Bus(error)) => panic!("{error}"),
    };
    answers.iter().filter_map(of).collect()
}

#[test]
fn checks_at_once_are_one_check() {
    let mut case = start();
    let clients = clients(&mut case);
    // Slow enough that the last comes before the first has its verdict.
    case.peer().lie("metadata/timestamp.json", Lie::Drip(Duration::from_millis(4)));
    let answers = at_once(&clients, &|| Method::Check);
    let refused = kinds(&answers);
    assert!(refused.iter().all(|kind| *kind == ErrorKind::Busy) && refused.len() < CLIENTS, "{answers:?}");
    assert_eq!(case.machine().settled(PATIENCE).unwrap().state, State::Available);
    let asked = case.peer().asked();
    let timestamps = asked.iter().filter(|asked| asked.path == "metadata/timestamp.json").count();
    assert_eq!(timestamps, 1, "{asked:?}");
    case.end_untouched();
}

#[test]
fn consents_at_once_are_one_consent_and_anybody_may_cancel_it() {
    let mut case = start();
    let clients = clients(&mut case);
    let offer = case.machine().check().unwrap().offer.unwrap();
    let layer = place_of(&given().world.repository(), "layer").unwrap();
    case.peer().lie(&layer, Lie::StallAt((1 << 20) + 5));
    let digest: &'static str = offer.digest.leak();
    let answers = at_once(&clients, &|| Method::Install("2.0", digest));
    assert_eq!(kinds(&answers), vec![ErrorKind::Busy; CLIENTS - 1], "{answers:?}");
    case.machine().wait(PATIENCE, |now| now.progress.as_ref().is_some_and(|p| p.bytes > 1 << 20)).unwrap();
    for client in &clients {
        assert_eq!(client.snapshot().unwrap().state, State::Downloading);
    }
    let cancelled = at_once(&clients, &|| Method::Cancel);
    // Who comes late finds nothing to cancel.
    assert!(kinds(&cancelled).iter().all(|kind| *kind == ErrorKind::BadRequest), "{cancelled:?}");
    assert!(kinds(&cancelled).len() < CLIENTS);
    assert_eq!(case.machine().settled(PATIENCE).unwrap().state, State::Available);
    case.end_as_before();
}

#[test]
fn a_kit_and_a_check_at_once_are_one_of_the_two() {
    let mut case = start();
    let readers = case.machine().start_kit_readers().unwrap();
    let clients = clients(&mut case);
    let kit: &'static File = Box::leak(Box::new(File::open(given().world.kit().unwrap()).unwrap()));
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let answers = at_once(&clients, &|| {
        let turn = turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if turn.is_multiple_of(2) { Method::Check } else { Method::OpenKit(kit.as_fd()) }
    });
    assert!(kinds(&answers).iter().all(|kind| *kind == ErrorKind::Busy), "{answers:?}");
    let found = case.machine().settled(PATIENCE).unwrap();
    assert_eq!(found.state, State::Available, "{:?}", found.failure);
    drop(readers);
    case.end_untouched();
}
