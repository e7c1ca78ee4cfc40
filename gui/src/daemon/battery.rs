//! How long the computer's battery lasts, as UPower says. Where there is no UPower, nothing is said of batteries.

use std::time::Duration;

use tokio::sync::watch;
use zbus::Connection;

use super::{News, Watching};

/// A battery is looked at this often, while somebody looks.
const OFTEN: Duration = Duration::from_secs(20);

/// `State` of a battery that is running down (org.freedesktop.UPower.Device).
const DISCHARGING: u32 = 2;

#[zbus::proxy(
    interface = "org.freedesktop.UPower.Device",
    default_service = "org.freedesktop.UPower",
    default_path = "/org/freedesktop/UPower/devices/DisplayDevice"
)]
trait Device {
    #[zbus(property)]
    fn is_present(&self) -> zbus::Result<bool>;
    #[zbus(property)]
    fn state(&self) -> zbus::Result<u32>;
    #[zbus(property)]
    fn percentage(&self) -> zbus::Result<f64>;
}

/// Tells the charge, again and again.
pub async fn follow(bus: &Connection, told: &watch::Sender<News>, watched: &watch::Receiver<Watching>) {
    let mut watched = watched.clone();
    loop {
        if *watched.borrow_and_update() == Watching::Closely {
            let battery = charge(bus).await.unwrap_or_else(|error| {
                tracing::debug!("battery: {error}");
                None
            });
            told.send_if_modified(|news| {
                let changed = news.battery != battery;
                news.battery = battery;
                changed
            });
        }
        tokio::select! {
            changed = watched.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(OFTEN), if *watched.borrow() == Watching::Closely => {}
        }
    }
}

/// The charge in hundredths, while the battery is running down.
async fn charge(bus: &Connection) -> zbus::Result<Option<u8>> {
    let device = DeviceProxy::builder(bus).cache_properties(zbus::proxy::CacheProperties::No).build().await?;
    if !device.is_present().await? || device.state().await? != DISCHARGING {
        return Ok(None);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "brought between 0 and 100 before")]
    let charge = device.percentage().await?.clamp(0.0, 100.0) as u8;
    Ok(Some(charge))
}
