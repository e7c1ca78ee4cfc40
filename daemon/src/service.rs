//! The D-Bus object: asks who may, hands the request to the engine, and tells everybody what the engine publishes.

use std::sync::Arc;

use sameday_dbus::{
    Dictionary, ErrorKind, Failure, INTERFACE, MethodError, OPTION_BASE_URLS, OPTION_SIGNED_ON, PATH, text,
};
use tokio::sync::{mpsc, oneshot, watch};
use zbus::fdo::DBusProxy;
use zbus::message::Header;
use zbus::names::UniqueName;
use zbus::object_server::{InterfaceRef, SignalEmitter};
use zbus::{OwnedFd, OwnedVariant, Variant};

use crate::authorizer::{self, Action, Authorizer};
use crate::callers::{Call, Caller, Callers};
use crate::engine::{Ask, Published};
use crate::held::Held;
use crate::journal::{self, Journal};
use crate::kit::Kit;
use crate::looking::Choice;
use crate::state::{Consent, Event};
use crate::users::Users;

/// The object that clients see.
#[derive(Debug)]
pub struct Upgrader {
    asks: mpsc::Sender<Ask>,
    published: watch::Receiver<Published>,
    authorizer: Arc<dyn Authorizer>,
    journal: Journal,
    callers: Callers,
    users: Users,
    held: Held,
}

impl Upgrader {
    /// The object in front of an engine.
    #[must_use]
    pub fn new(
        asks: mpsc::Sender<Ask>,
        published: watch::Receiver<Published>,
        authorizer: Arc<dyn Authorizer>,
        journal: Journal,
        held: Held,
    ) -> Self {
        Self { asks, published, authorizer, journal, callers: Callers::default(), users: Users::default(), held }
    }

    /// The user who calls, as the bus knows it.
    async fn user(&self, connection: &zbus::Connection, header: &Header<'_>) -> Result<u32, Failure> {
        let sender = header.sender().ok_or_else(|| Failure::new(ErrorKind::NotAllowed, "no-sender"))?;
        self.users.of(sender, ask_for_user(connection, sender)).await
    }

    /// Asks polkit whether the caller may; the call counts as one under way until the answer is dropped.
    async fn admit(
        &self,
        connection: &zbus::Connection,
        header: Header<'_>,
        action: Action,
    ) -> Result<Call, MethodError> {
        let user = self.user(connection, &header).await?;
        let call = self.callers.enter(Caller { user, stops: action.stops() })?;
        self.authorizer.may(&authorizer::Caller(header), action).await?;
        Ok(call)
    }

    async fn ask(
        &self,
        connection: &zbus::Connection,
        header: Header<'_>,
        action: Action,
        event: Event,
    ) -> Result<(), MethodError> {
        let _call = self.admit(connection, header, action).await?;
        Ok(self.put(event).await?)
    }

    /// Hands an event to the engine and waits for its answer.
    async fn put(&self, event: Event) -> Result<(), Failure> {
        let (reply, answer) = oneshot::channel();
        let gone = || Failure::new(ErrorKind::Internal, "engine-gone");
        self.asks.send(Ask { event, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Whether this is the offer of another channel, as far as is known: the engine looks again.
    fn is_from_other_channel(&self, digest: &str) -> bool {
        let published = self.published.borrow();
        published.other_channel && published.offer.as_ref().is_some_and(|offer| offer.digest == digest)
    }
}

/// Asks the bus for the user behind a connection.
async fn ask_for_user(connection: &zbus::Connection, sender: &UniqueName<'_>) -> Result<u32, Failure> {
    let unknown = |error: String| {
        tracing::warn!("a caller's user: {error}");
        Failure::new(ErrorKind::NotAllowed, "no-user")
    };
    let bus = DBusProxy::new(connection).await.map_err(|e| unknown(e.to_string()))?;
    bus.get_connection_unix_user(sender.clone().into()).await.map_err(|e| unknown(e.to_string()))
}

/// The options of `Install`. An unknown one is refused: it might mean a restriction that would be silently lost.
fn consent(version: String, digest: String, options: &Dictionary) -> Result<Consent, Failure> {
    let mut signed_on = None;
    for (name, value) in options {
        match (name.as_str(), &**value) {
            (OPTION_SIGNED_ON, Variant::Str(date)) => signed_on = Some(date.to_string()),
            (OPTION_SIGNED_ON, _) => return Err(wrong_type(OPTION_SIGNED_ON)),
            (unknown, _) => return Err(unknown_option(unknown)),
        }
    }
    Ok(Consent { version, digest, signed_on, other_channel: false })
}

/// The options of `LookAt`.
fn choice(channel: &str, options: &Dictionary) -> Result<Choice, Failure> {
    let mut bases = Vec::new();
    for (name, value) in options {
        match (name.as_str(), value) {
            (OPTION_BASE_URLS, urls) => bases = strings(urls).ok_or_else(|| wrong_type(OPTION_BASE_URLS))?,
            (unknown, _) => return Err(unknown_option(unknown)),
        }
    }
    Choice::new(channel, bases)
}

fn strings(value: &OwnedVariant) -> Option<Vec<String>> {
    let Variant::Array(array) = &**value else { return None };
    let string = |element: &Variant<'_>| match element {
        Variant::Str(string) => Some(string.to_string()),
        _ => None,
    };
    array.inner().iter().map(string).collect()
}

fn wrong_type(option: &str) -> Failure {
    Failure::new(ErrorKind::BadRequest, "option-type").text("option", option)
}

fn unknown_option(name: &str) -> Failure {
    Failure::new(ErrorKind::BadRequest, "unknown-option").text("option", &text::line(name, text::NAME))
}

#[zbus::interface(name = "org.sameday.Upgrader1")]
impl Upgrader {
    async fn check(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), MethodError> {
        self.ask(connection, header, Action::Check, Event::Check).await
    }

    async fn install(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
        version: String,
        digest: String,
        options: Dictionary,
    ) -> Result<(), MethodError> {
        let mut consent = consent(version, digest, &options)?;
        consent.other_channel = self.is_from_other_channel(&consent.digest);
        let action = if consent.other_channel { Action::InstallOtherChannel } else { Action::Install };
        self.ask(connection, header, action, Event::Install(consent)).await
    }

    async fn open_kit(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
        kit: OwnedFd,
    ) -> Result<(), MethodError> {
        let kit = Arc::new(Kit::new(kit.into()));
        let answer = self.ask(connection, header.clone(), Action::OpenKit, Event::OpenKit(kit)).await;
        self.held.answered(&header);
        answer
    }

    async fn cancel(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), MethodError> {
        self.ask(connection, header, Action::Cancel, Event::Cancel).await
    }

    async fn pause(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), MethodError> {
        self.ask(connection, header, Action::Cancel, Event::Pause).await
    }

    async fn resume(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), MethodError> {
        let other_channel = self.published.borrow().other_channel;
        let action = if other_channel { Action::InstallOtherChannel } else { Action::Install };
        self.ask(connection, header, action, Event::Resume { other_channel }).await
    }

    async fn discard(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), MethodError> {
        self.ask(connection, header, Action::Cancel, Event::Discard).await
    }

    async fn rollback(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
        version: String,
    ) -> Result<(), MethodError> {
        self.ask(connection, header, Action::Rollback, Event::Rollback(version)).await
    }

    async fn try_again(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
        version: String,
    ) -> Result<(), MethodError> {
        let again = self.published.borrow().stick.again.clone();
        let other_channel = again.is_some_and(|again| again.other_channel);
        let action = if other_channel { Action::InstallOtherChannel } else { Action::TryAgain };
        self.ask(connection, header, action, Event::TryAgain { version, other_channel }).await
    }

    async fn look_at(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
        channel: String,
        options: Dictionary,
    ) -> Result<(), MethodError> {
        let choice = choice(&channel, &options)?;
        self.ask(connection, header, Action::LookAt, Event::LookAt(choice)).await
    }

    async fn judge_start(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
        version: String,
        shown: String,
    ) -> Result<(), MethodError> {
        // No question of polkit's: what a start showed is told by the system, never by a person.
        let user = self.user(connection, &header).await?;
        if user != 0 {
            return Err(Failure::new(ErrorKind::NotAllowed, "root-only").into());
        }
        let _call = self.callers.enter(Caller { user, stops: false })?;
        let shown = shown.parse().map_err(|_| {
            Failure::new(ErrorKind::BadRequest, "unknown-shown").text("shown", &text::line(&shown, text::NAME))
        })?;
        Ok(self.put(Event::JudgeStart(version, shown)).await?)
    }

    #[zbus(out_args("lines"))]
    async fn report(
        &self,
        #[zbus(connection)] connection: &zbus::Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<String>, MethodError> {
        let _call = self.admit(connection, header, Action::Report).await?;
        let mut lines = told(&self.published.borrow());
        lines.extend(self.journal.lines());
        Ok(lines)
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
    fn running_channel(&self) -> String {
        self.published.borrow().identity.running_channel.clone()
    }

    #[zbus(property)]
    fn looking(&self) -> Dictionary {
        (&self.published.borrow().identity.looking).into()
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

    #[zbus(property)]
    fn previous_version(&self) -> String {
        self.published.borrow().stick.back.as_ref().map(|back| back.version.clone()).unwrap_or_default()
    }

    #[zbus(property)]
    fn again_version(&self) -> String {
        self.published.borrow().stick.again.as_ref().map(|again| again.version.clone()).unwrap_or_default()
    }

    #[zbus(property)]
    fn standing(&self) -> (String, String) {
        let (standing, other) = self.published.borrow().stick.told();
        (standing.code().to_owned(), other)
    }

    #[zbus(property)]
    fn undoes_itself(&self) -> bool {
        self.published.borrow().stick.undoes_itself
    }

    #[zbus(property)]
    fn left_over(&self) -> Dictionary {
        self.published.borrow().stick.left_over().as_ref().map(Dictionary::from).unwrap_or_default()
    }
}

/// The state of things, for a report: no names of people, no times but those of signed files.
fn told(now: &Published) -> Vec<String> {
    let (standing, other) = now.stick.told();
    let identity = &now.identity;
    let looking = &identity.looking;
    let mut lines = vec![
        format!("samedayd {}", env!("CARGO_PKG_VERSION")),
        format!("state {}", now.state),
        format!("system {} {} {}", identity.product, identity.architecture, identity.channel),
        format!("runs {} from {}, first installed {}", identity.running, identity.running_channel, identity.initial),
        format!("looks at {} chosen by {}", looking.channel, looking.chosen_by.code()),
        format!("standing {standing} {other}, undoes itself: {}", now.stick.undoes_itself),
    ];
    if !looking.base_urls.is_empty() {
        lines.push(format!("base URLs other than the image's: {}", looking.base_urls.len()));
    }
    if let Some(left) = now.stick.left_over() {
        lines.push(format!("left over {} {} bytes", left.version, left.bytes));
    }
    if let Some(offer) = &now.offer {
        lines.push(format!("offer {} {} {} bytes", offer.version, offer.digest, offer.download_size));
    }
    if let Some(failure) = &now.failure {
        lines.push(format!("failure {}", journal::discreet(&failure.to_string())));
    }
    lines
}

/// Tells the bus what changes, until the engine is gone. The state comes last, so that whoever hears of it finds the rest in place.
///
/// # Errors
/// When the bus is gone.
pub async fn announce(connection: &zbus::Connection, mut published: watch::Receiver<Published>) -> zbus::Result<()> {
    let object: InterfaceRef<Upgrader> = connection.object_server().interface(PATH).await?;
    let emitter: &SignalEmitter<'_> = object.signal_emitter();
    let mut before = published.borrow_and_update().clone();
    while published.changed().await.is_ok() {
        let now = published.borrow_and_update().clone();
        let upgrader = object.get().await;
        if now.identity != before.identity {
            upgrader.looking_changed(emitter).await?;
        }
        if now.offer != before.offer {
            upgrader.offer_changed(emitter).await?;
        }
        if now.failure != before.failure {
            upgrader.last_failure_changed(emitter).await?;
        }
        if now.pending != before.pending {
            upgrader.pending_version_changed(emitter).await?;
        }
        if now.stick != before.stick {
            upgrader.previous_version_changed(emitter).await?;
            upgrader.again_version_changed(emitter).await?;
            upgrader.standing_changed(emitter).await?;
            upgrader.undoes_itself_changed(emitter).await?;
            upgrader.left_over_changed(emitter).await?;
        }
        if now.progress != before.progress {
            upgrader.progress_changed(emitter).await?;
        }
        if now.state != before.state {
            upgrader.state_changed(emitter).await?;
        }
        before = now;
    }
    tracing::info!("{INTERFACE}: nothing more to announce");
    Ok(())
}
