//! `sameday-boot-good`: run once when the system is up; marks a version on trial as good, or restarts the computer.

use std::process::ExitCode;

use samedayd::boot_good::{self, After, Untold};
use samedayd::journal::Journal;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::registry().with(Journal::default().with_filter(LevelFilter::INFO)).init();
    let told = match boot_good::run().await {
        Ok(After::GoOn) => return ExitCode::SUCCESS,
        Ok(After::Restart) => boot_good::restart().await.map_err(Untold::from),
        Err(Untold::Stick(refusal)) => {
            tracing::info!("{refusal}");
            return ExitCode::SUCCESS;
        }
        Err(error) => Err(error),
    };
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
