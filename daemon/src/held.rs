//! Messages that brought descriptors, held until their calls have ended. The bus's library closes a message's descriptors with its last
//! reference, on the thread that serves everybody; the last reference is made to be the one here, which [`closing`] drops elsewhere.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use sameday_dbus::INTERFACE;
use zbus::message::{Header, Message, Type};
use zbus::{MatchRule, MessageStream};

use crate::closing;

/// The sender's unique name and the message's number.
type Id = (String, u32);

/// After a call has answered, its own references go at once, or nearly so.
const AFTERWARDS: Duration = Duration::from_secs(1);
/// Calls that never answered are given up after so long; polkit is asked for no longer than two minutes.
const LONGEST: Duration = Duration::from_secs(150);

/// Calls that wait to be taken; more hold up the connection.
const MOST_UNREAD: usize = 16;

/// The messages.
#[derive(Debug, Clone, Default)]
pub struct Held(Arc<Mutex<HashMap<Id, Message>>>);

impl Held {
    /// Holds every call of `OpenKit` that comes from now on, until the connection ends. No other call brings descriptors past the bus's policy.
    ///
    /// # Errors
    /// When the bus cannot be listened to.
    pub async fn run(self, connection: &zbus::Connection) -> zbus::Result<impl Future<Output = ()> + use<>> {
        let calls = MatchRule::builder().msg_type(Type::MethodCall).interface(INTERFACE).member("OpenKit").build()?;
        let mut messages = MessageStream::for_match_rule(calls, connection, NonZeroUsize::new(MOST_UNREAD)).await?;
        Ok(async move {
            while let Some(message) = messages.next().await {
                let Ok(message) = message else { continue };
                let id = id(&message.header());
                self.lock().insert(id.clone(), message);
                self.clone().release(id, LONGEST);
            }
        })
    }

    /// The call of this message is about to answer.
    pub fn answered(&self, header: &Header<'_>) {
        self.clone().release(id(header), AFTERWARDS);
    }

    fn release(self, id: Id, after: Duration) {
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            if let Some(message) = self.lock().remove(&id) {
                closing::close(message);
            }
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Id, Message>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id(header: &Header<'_>) -> Id {
    let sender = header.sender().map(ToString::to_string).unwrap_or_default();
    (sender, header.primary().serial_num().get())
}
