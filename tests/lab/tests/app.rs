//! The app against the real daemon, on a desktop without a screen, looked at and operated as a person would: by what stands on the screen,
//! with pointer and keys.

#![allow(clippy::unwrap_used, reason = "a test, only without libtest's harness")]

#[path = "hostile/given.rs"]
mod given;

mod app {
    pub mod acceptance;
    pub mod background;
    pub mod checks;
    pub mod consent;
    pub mod kits;
    pub mod pages;
    pub mod stage;
    pub mod story;
    pub mod tour;
    pub mod windows;
}

use std::process::ExitCode;

use app::{acceptance, background, consent, kits, story, tour, windows};
use sameday_lab::program::{self, Test};

fn main() -> ExitCode {
    program::main(&[
        Test { name: "a_stick_is_upgraded_by_somebody_who_clicks", run: story::upgrade },
        Test { name: "going_back_is_two_clicks_away_and_says_what_it_costs", run: story::going_back },
        Test { name: "enter_escape_and_closing_are_no_consent", run: consent::only_a_click_consents },
        Test { name: "what_is_consented_to_is_what_was_shown", run: consent::another_offer_takes_another_look },
        Test { name: "a_kit_is_told_by_who_signed_it_and_installed", run: kits::by_argument },
        Test { name: "a_kit_is_dropped_on_the_window", run: kits::dropped },
        Test { name: "a_double_click_on_a_kit_opens_it", run: kits::double_clicked },
        Test { name: "an_old_kit_takes_a_second_answer", run: kits::old },
        Test { name: "the_kit_that_is_needed_is_named", run: kits::needed },
        Test {
            name: "in_the_background_nothing_is_shown_until_there_is_something",
            run: background::shows_when_needed,
        },
        Test { name: "one_instance_in_a_session", run: background::one_instance },
        Test { name: "every_further_window_has_names_and_is_reached_by_keys", run: windows::all },
        Test { name: "every_page_in_every_look", run: tour::every_page },
        Test { name: "each_stick_repository_and_fault_has_its_page", run: acceptance::matrix },
    ])
}
