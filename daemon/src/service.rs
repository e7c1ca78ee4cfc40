//! The D-Bus object: asks who may, hands the request to the engine, and tells everybody what the engine publishes.

use std::sync::Arc;

use sameday_dbus::{Dictionary, ErrorKind, Failure, INTERFACE, MethodError, OPTION_SIGNED_ON, PATH};
use tokio::sync::{mpsc, oneshot, watch};
use zbus::message::Header;
use zbus::object_server::{InterfaceRef, SignalEmitter};
use zbus::{OwnedFd, Variant};

use crate::authorizer::{Action, Authorizer, Caller};
use crate::engine::{Ask, Published};
use crate::state::{Consent, Event, Kit};

/// The object that clients see.
#[derive(Debug)]
pub struct Upgrader {
    asks: mpsc::Sender<Ask>,
    published: watch::Receiver<Published>,
    authorizer: Arc<dyn Authorizer>,
}

impl Upgrader {
    /// The object in front of an engine.
    #[must_use]
    pub fn new(
        asks: mpsc::Sender<Ask>,
        published: watch::Receiver<Published>,
        authorizer: Arc<dyn Authorizer>,
    ) -> Self {
        Self { asks, published, authorizer }
    }

    async fn ask(&self, header: Header<'_>, action: Action, event: Event) -> Result<(), MethodError> {
        self.authorizer.may(&Caller(header), action).await?;
        let (reply, answer) = oneshot::channel();
        let gone = || Failure::new(ErrorKind::Internal, "engine-gone");
        self.asks.send(Ask { event, reply }).await.map_err(|_| gone())?;
        Ok(answer.await.map_err(|_| gone())??)
    }
}

/// The options of `Install`. An unknown one is refused: it might mean a restriction that would be silently lost.
fn consent(version: String, digest: String, options: &Dictionary) -> Result<Consent, Failure> {
    let mut signed_on = None;
    for (name, value) in options {
        match (name.as_str(), &**value) {
            (OPTION_SIGNED_ON, Variant::Str(date)) => signed_on = Some(date.to_string()),
            (OPTION_SIGNED_ON, _) => {
                return Err(Failure::new(ErrorKind::BadRequest, "option-type").text("option", OPTION_SIGNED_ON));
            }
            (unknown, _) => {
                let name: String = unknown.chars().take(64).collect();
                return Err(Failure::new(ErrorKind::BadRequest, "unknown-option").text("option", &name));
            }
        }
    }
    Ok(Consent { version, digest, signed_on })
}

#[zbus::interface(name = "org.sameday.Upgrader1")]
impl Upgrader {
    async fn check(&self, #[zbus(header)] header: Header<'_>) -> Result<(), MethodError> {
        self.ask(header, Action::Check, Event::Check).await
    }

    async fn install(
        &self,
        #[zbus(header)] header: Header<'_>,
        version: String,
        digest: String,
        options: Dictionary,
    ) -> Result<(), MethodError> {
        let consent = consent(version, digest, &options)?;
        self.ask(header, Action::Install, Event::Install(consent)).await
    }

    async fn open_kit(&self, #[zbus(header)] header: Header<'_>, kit: OwnedFd) -> Result<(), MethodError> {
        let kit = Arc::new(Kit::new(kit.into()));
        self.ask(header, Action::OpenKit, Event::OpenKit(kit)).await
    }

    async fn cancel(&self, #[zbus(header)] header: Header<'_>) -> Result<(), MethodError> {
        self.ask(header, Action::Cancel, Event::Cancel).await
    }

    #[zbus(property)]
    fn state(&self) -> String {
        self.published.borrow().state.to_string()
    }

    #[zbus(property)]
    fn offer(&self) -> Dictionary {
        self.published.borrow().offer.as_ref().map(Dictionary::from).unwrap_or_default()
    }

    #[zbus(property)]
    fn progress(&self) -> Dictionary {
        self.published.borrow().progress.as_ref().map(Dictionary::from).unwrap_or_default()
    }

    #[zbus(property)]
    fn last_failure(&self) -> (String, String, Dictionary) {
        self.published.borrow().failure.as_ref().map(Into::into).unwrap_or_default()
    }

    #[zbus(property)]
    fn product(&self) -> String {
        self.published.borrow().identity.product.clone()
    }

    #[zbus(property)]
    fn architecture(&self) -> String {
        self.published.borrow().identity.architecture.clone()
    }

    #[zbus(property)]
    fn channel(&self) -> String {
        self.published.borrow().identity.channel.clone()
    }

    #[zbus(property)]
    fn running_version(&self) -> String {
        self.published.borrow().identity.running.clone()
    }

    #[zbus(property)]
    fn initial_version(&self) -> String {
        self.published.borrow().identity.initial.clone()
    }

    #[zbus(property)]
    fn pending_version(&self) -> String {
        self.published.borrow().pending.clone().unwrap_or_default()
    }
}

/// Tells the bus what changes, until the engine is gone. The state comes last, so that whoever hears of it finds the rest in place.
///
/// # Errors
/// When the bus is gone.
pub async fn announce(connection: &zbus::Connection, mut published: watch::Receiver<Published>) -> zbus::Result<()> {
    let object: InterfaceRef<Upgrader> = connection.object_server().interface(PATH).await?;
    let emitter: &SignalEmitter<'_> = object.signal_emitter();
    let mut told = published.borrow_and_update().clone();
    while published.changed().await.is_ok() {
        let now = published.borrow_and_update().clone();
        let upgrader = object.get().await;
        if now.offer != told.offer {
            upgrader.offer_changed(emitter).await?;
        }
        if now.failure != told.failure {
            upgrader.last_failure_changed(emitter).await?;
        }
        if now.pending != told.pending {
            upgrader.pending_version_changed(emitter).await?;
        }
        if now.progress != told.progress {
            upgrader.progress_changed(emitter).await?;
        }
        if now.state != told.state {
            upgrader.state_changed(emitter).await?;
        }
        told = now;
    }
    tracing::info!("{INTERFACE}: nothing more to announce");
    Ok(())
}
