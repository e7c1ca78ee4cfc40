//! Who is behind a connection to the bus.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sameday_dbus::{ErrorKind, Failure};

/// Who is behind each connection, asked of the bus once. A name of a connection is never given to another one (D-Bus specification, "Bus
/// names").
#[derive(Debug, Clone, Default)]
pub struct Users(Arc<Mutex<HashMap<String, Option<u32>>>>);

/// Connections that are remembered; beyond, all are asked for anew.
const MOST_KNOWN: usize = 256;

impl Users {
    /// The user behind `connection`; `ask` asks the bus. Until it has answered, a second call of that connection is refused: messages that wait
    /// are memory, and whoever they are from is not known yet.
    ///
    /// # Errors
    /// `busy` then, and whatever `ask` fails with.
    pub async fn of(&self, connection: &str, ask: impl Future<Output = Result<u32, Failure>>) -> Result<u32, Failure> {
        {
            let mut known = self.lock();
            match known.get(connection) {
                Some(Some(user)) => return Ok(*user),
                Some(None) => return Err(Failure::new(ErrorKind::Busy, "too-many-calls")),
                None => {
                    if known.len() >= MOST_KNOWN {
                        known.retain(|_, user| user.is_none());
                    }
                    known.insert(connection.to_owned(), None);
                }
            }
        }
        let asked = Asked { users: self, connection };
        let user = ask.await?;
        self.lock().insert(connection.to_owned(), Some(user));
        drop(asked);
        Ok(user)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Option<u32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that may fail, or never be answered.
struct Asked<'u> {
    users: &'u Users,
    connection: &'u str,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let mut known = self.users.lock();
        if known.get(self.connection) == Some(&None) {
            known.remove(self.connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_asked_for_once_and_waits_in_no_queue() {
        let users = Users::default();
        let failed = || async { Err(Failure::new(ErrorKind::NotAllowed, "no-user")) };
        assert!(users.of(":1.1", failed()).await.is_err());
        assert_eq!(users.of(":1.1", async { Ok(7) }).await, Ok(7));
        assert_eq!(users.of(":1.1", failed()).await, Ok(7));
        let while_asked = users.of(":1.2", async {
            let second = users.of(":1.2", failed()).await.unwrap_err();
            assert_eq!((second.kind, second.reason.as_str()), (ErrorKind::Busy, "too-many-calls"));
            Ok(8)
        });
        assert_eq!(while_asked.await, Ok(8));
        for connection in 0..2 * MOST_KNOWN {
            assert_eq!(users.of(&format!(":2.{connection}"), async { Ok(1) }).await, Ok(1));
        }
        assert!(users.lock().len() <= MOST_KNOWN);
    }
}
