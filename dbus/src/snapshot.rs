//! All of the daemon's properties as they were at one moment: clients decide on this, never on properties read one by one.

use zbus::fdo::PropertiesProxy;
use zbus::names::InterfaceName;
use zbus::{OwnedVariant, Variant};

use crate::dictionary::{Dictionary, line};
use crate::{BUS_NAME, Failure, INTERFACE, LeftOver, Looking, Offer, PATH, Progress, Standing, State, text};

/// The properties at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// What the daemon is doing.
    pub state: State,
    /// What is offered.
    pub offer: Option<Offer>,
    /// How far something under way has come.
    pub progress: Option<Progress>,
    /// The last failure, refusal or manual verdict.
    pub failure: Option<Failure>,
    /// What this stick is.
    pub product: String,
    /// What it runs on.
    pub architecture: String,
    /// The image's own channel.
    pub channel: String,
    /// The channel from which what runs came.
    pub running_channel: String,
    /// What is looked at.
    pub looking: Looking,
    /// What runs.
    pub running_version: String,
    /// What was installed first.
    pub initial_version: String,
    /// What starts next, or empty if that is what runs.
    pub pending_version: String,
    /// The kept version that `Rollback` goes back to, or empty.
    pub previous_version: String,
    /// The version that `TryAgain` gives its tries, or empty.
    pub again_version: String,
    /// How what runs relates to what the stick chooses.
    pub standing: Standing,
    /// The other version that the standing is about, or empty.
    pub standing_version: String,
    /// Whether a version that does not come up is undone by the stick itself; means nothing while the standing is unknown.
    pub undoes_itself: bool,
    /// What a download that was paused or abandoned left.
    pub left_over: Option<LeftOver>,
}

impl Snapshot {
    /// Asks the daemon for all of it in one call, starting it if it does not run.
    ///
    /// # Errors
    /// When the bus or the daemon does not answer, or tells a state that this client does not know.
    pub async fn take(connection: &zbus::Connection) -> zbus::Result<Self> {
        let properties = PropertiesProxy::new(connection, BUS_NAME, PATH).await?;
        let all: Dictionary =
            properties.get_all(InterfaceName::from_static_str_unchecked(INTERFACE)).await?.into_iter().collect();
        Self::read(all)
    }

    /// The name of the kit that this stick needs where there is no network (`docs/formats.md`), as far as the daemon knows what it is. Its
    /// channel is the one that is looked at.
    #[must_use]
    pub fn kit(&self) -> Option<String> {
        let channel = if self.looking.channel.is_empty() { &self.channel } else { &self.looking.channel };
        let parts = [&self.product, &self.architecture, channel, &self.initial_version];
        let [product, architecture, channel, initial] = parts;
        parts
            .iter()
            .all(|part| !part.is_empty())
            .then(|| format!("{product}-{architecture}-{channel}-from-{initial}.kit"))
    }

    /// Reads what `GetAll` answered. A property that is missing is as an empty one, but for the state.
    ///
    /// # Errors
    /// When there is no state, or one that this client does not know.
    pub fn read(mut all: Dictionary) -> zbus::Result<Self> {
        let state = line(&all, "State", text::NAME);
        let state = state.parse().map_err(|error| zbus::Error::Failure(format!("{error} {state:?}")))?;
        let name = |key| line(&all, key, text::NAME);
        let product = name("Product");
        let architecture = name("Architecture");
        let channel = name("Channel");
        let running_channel = name("RunningChannel");
        let previous_version = name("PreviousVersion");
        let again_version = name("AgainVersion");
        let running_version = name("RunningVersion");
        let initial_version = name("InitialVersion");
        let pending_version = name("PendingVersion");
        let (standing, standing_version) =
            all.remove("Standing").and_then(<(String, String)>::read).unwrap_or_default();
        let Ok(standing) = standing.parse();
        let failure = all.remove("LastFailure").and_then(<(String, String, Dictionary)>::read);
        Ok(Self {
            state,
            offer: all.remove("Offer").and_then(Dictionary::read).as_ref().and_then(Offer::read),
            progress: all.remove("Progress").and_then(Dictionary::read).as_ref().and_then(Progress::read),
            failure: failure.as_ref().and_then(Failure::read),
            product,
            architecture,
            channel,
            running_channel,
            looking: all.remove("Looking").and_then(Dictionary::read).as_ref().map(Looking::read).unwrap_or_default(),
            running_version,
            initial_version,
            pending_version,
            previous_version,
            again_version,
            standing,
            standing_version: text::line(&standing_version, text::NAME),
            // A daemon that does not say so knows our boot loader only.
            undoes_itself: all.remove("UndoesItself").is_none_or(|value| matches!(&*value, Variant::Bool(true))),
            left_over: all.remove("LeftOver").and_then(Dictionary::read).as_ref().and_then(LeftOver::read),
        })
    }
}

/// What a property of a wrong type reads as: nothing.
trait Read: Sized {
    fn read(value: OwnedVariant) -> Option<Self>;
}

impl Read for Dictionary {
    fn read(value: OwnedVariant) -> Option<Self> {
        let Variant::Dict(dictionary) = &*value else { return None };
        let entry = |(key, value): (&Variant<'_>, &Variant<'_>)| match (key, value) {
            (Variant::Str(key), Variant::Variant(value)) => Some((key.to_string(), value.try_to_owned().ok()?)),
            _ => None,
        };
        Some(dictionary.iter().filter_map(entry).collect())
    }
}

impl Read for (String, String) {
    fn read(value: OwnedVariant) -> Option<Self> {
        let Variant::Structure(structure) = &*value else { return None };
        match structure.fields() {
            [Variant::Str(one), Variant::Str(other)] => Some((one.to_string(), other.to_string())),
            _ => None,
        }
    }
}

impl Read for (String, String, Dictionary) {
    fn read(value: OwnedVariant) -> Option<Self> {
        let Variant::Structure(structure) = &*value else { return None };
        match structure.fields() {
            [Variant::Str(kind), Variant::Str(reason), values @ Variant::Dict(_)] => {
                Some((kind.to_string(), reason.to_string(), Dictionary::read(values.try_to_owned().ok()?)?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::dictionary::owned;
    use zbus::message::Message;

    #[test]
    fn all_properties_are_read_from_one_answer() {
        let offer = Offer { version: "1.2".into(), digest: "d".into(), signers: vec!["a".into()], ..Offer::default() };
        let failure = Failure::new(ErrorKind::Server, "closed").number("n", 7);
        let progress = Progress { phase: "metadata".into(), bytes: 1, total: 2, ..Progress::default() };
        let parts: (String, String, Dictionary) = (&failure).into();
        let all = Dictionary::from([
            ("State".into(), owned("available")),
            ("Offer".into(), owned(Dictionary::from(&offer))),
            ("Progress".into(), owned(Dictionary::from(&progress))),
            ("LastFailure".into(), owned(parts)),
            ("Product".into(), owned("demo")),
            ("PendingVersion".into(), owned("")),
            ("Standing".into(), owned(("undone", "1.1"))),
            ("LeftOver".into(), owned(Dictionary::from(&LeftOver { version: "1.2".into(), bytes: 7 }))),
        ]);
        let message = Message::method_call("/", "M").build(&all).unwrap();
        let snapshot = Snapshot::read(message.body().deserialize().unwrap()).unwrap();
        assert_eq!(snapshot.state, State::Available);
        assert_eq!(snapshot.offer, Some(offer));
        assert_eq!(snapshot.progress, Some(progress));
        assert_eq!(snapshot.failure, Some(failure));
        assert_eq!((snapshot.product.as_str(), snapshot.channel.as_str()), ("demo", ""));
        assert_eq!((snapshot.standing, snapshot.standing_version.as_str()), (Standing::Undone, "1.1"));
        assert_eq!(snapshot.left_over, Some(LeftOver { version: "1.2".into(), bytes: 7 }));
        assert_eq!(snapshot.kit(), None);
        let (architecture, channel, initial_version) = ("amd64".into(), "stable".into(), "1.0".into());
        let whole = Snapshot { architecture, channel, initial_version, ..snapshot };
        assert_eq!(whole.kit().unwrap(), "demo-amd64-stable-from-1.0.kit");
        let looking = Looking { channel: "alpha".into(), ..Looking::default() };
        assert_eq!(Snapshot { looking, ..whole }.kit().unwrap(), "demo-amd64-alpha-from-1.0.kit");
    }

    #[test]
    fn a_state_that_is_not_known_is_an_error_and_not_a_guess() {
        for state in [owned("asleep"), owned(1_u64)] {
            Snapshot::read(Dictionary::from([("State".into(), state)])).unwrap_err();
        }
    }
}
