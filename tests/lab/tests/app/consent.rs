//! Consent is a click on one button that said what it stands for, and nothing else.

use std::thread::sleep;
use std::time::Duration;

use sameday_dbus::State;
use sameday_lab::forge::{Forge, place_of};
use sameday_lab::machine::{Call, Spec};
use sameday_lab::peer::Lie;

use crate::app::stage::{STOP, Stage, desktop};
use crate::given::given;

/// Longer than an offer has to be on the screen before it can be consented to.
const ARMED: Duration = Duration::from_millis(1300);

/// A computer that offers 2.0.
fn offering() -> Stage {
    let mut stage = Stage::of(&given().new, &given().world.repository(), &Spec::default());
    assert_eq!(stage.case.machine().check().unwrap().state, State::Available);
    stage
}

pub fn only_a_click_consents() -> Option<String> {
    let mut stage = offering();
    let closings: [(&str, &[&str]); 4] =
        [("Enter", &["Return"]), ("Escape", &["Escape"]), ("closing", &["alt+F4"]), ("its key", &["ctrl+w"])];
    for (how, keys) in closings {
        let mut app = stage.app();
        app.has("button", "Upgrade Now").unwrap();
        // By now it would count.
        sleep(ARMED);
        assert_eq!(app.focused().unwrap().map(|node| node.name).as_deref(), Some("Later"), "{how}");
        desktop(0).keys(keys).unwrap();
        app.ends().unwrap_or_else(|error| panic!("{how} is later: {error}"));
        assert_eq!(stage.now().state, State::Available, "{how}");
    }
    let mut app = stage.app();
    app.has("button", "Later").unwrap();
    app.click("button", "Later").unwrap();
    app.ends().unwrap();
    assert_eq!(stage.watch.count("Install").unwrap(), 0, "{:?}", stage.watch.asked());

    let app = stage.app();
    let layer = place_of(&given().world.repository(), "layer").unwrap();
    stage.case.peer().lie(&layer, Lie::HoldAt(STOP));
    let offer = stage.now().offer.unwrap();
    app.click("button", "Upgrade Now").unwrap();
    let arguments = stage.watch.wait("Install").unwrap();
    assert_eq!((arguments[0].as_str(), arguments[1].as_str()), (Some("2.0"), Some(offer.digest.as_str())));
    stage.until(State::Downloading);
    app.says("Downloading").unwrap();
    drop(app);
    stage.calm();
    stage.case.end_as_before();
    None
}

pub fn another_offer_takes_another_look() -> Option<String> {
    let mut stage = offering();
    let first = stage.now().offer.unwrap();
    let app = stage.app();
    app.has("button", "Upgrade Now").unwrap();
    // The same version by another description, while the first one is on the screen.
    let forge = Forge::over(&given().world, &given().world.repository(), &stage.case.dir().join("forged")).unwrap();
    forge.description(&|description| description["upgrades"][0]["notes"]["en"] = "Other notes.".into()).unwrap();
    stage.case.serve(forge.repository());
    stage.call(&Call::Check);
    stage.case.machine().settled(crate::app::stage::LIMIT).unwrap();
    let second = stage.now().offer.unwrap();
    assert_ne!(first.digest, second.digest);
    app.wait("page of the other offer, not armed", |screen| {
        let button = screen.find("button", "Upgrade Now")?;
        (!button.is("sensitive")).then_some(())
    })
    .unwrap();
    app.has("button", "Upgrade Now").unwrap();
    app.click("button", "Upgrade Now").unwrap();
    let arguments = stage.watch.wait("Install").unwrap();
    assert_eq!(arguments[1].as_str(), Some(second.digest.as_str()), "what was shown last is what is consented to");
    let done = stage.case.machine().settled(crate::app::stage::LIMIT).unwrap();
    assert_eq!(done.state, State::RestartPending, "{done:?}");
    None
}
