//! Messages that brought descriptors, held until their calls have ended. The bus's library closes a message's descriptors with its last
//! reference, on the thread that serves everybody; the last reference is made to be the one here, which [`closing`] drops elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use zbus::MessageStream;
use zbus::message::{Header, Message};

use crate::closing;

/// The sender's unique name and the message's number.
type Id = (String, u32);

/// After a call has answered, its own references go at once, or nearly so.
const AFTERWARDS: Duration = Duration::from_secs(1);
/// Messages to methods that take no descriptor are given up after so long; polkit is asked for no longer than two minutes.
const LONGEST: Duration = Duration::from_secs(150);

/// The messages.
#[derive(Debug, Clone, Default)]
pub struct Held(Arc<Mutex<HashMap<Id, Message>>>);

impl Held {
    /// Holds every message with descriptors that comes from now on, until the connection ends.
    pub async fn run(self, mut messages: MessageStream) {
        while let Some(message) = messages.next().await {
            let Ok(message) = message else { continue };
            if message.data().fds().is_empty() {
                continue;
            }
            let id = id(&message.header());
            self.lock().insert(id.clone(), message);
            self.clone().release(id, LONGEST);
        }
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
