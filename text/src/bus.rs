//! Why the daemon could not be asked.

use gettextrs::gettext;

/// What is the matter with the bus, or with the daemon's place on it.
#[must_use]
pub fn bus(error: &zbus::Error) -> String {
    use zbus::fdo::Error as E;
    let absent = gettext("The upgrader is not installed, or it could not be started.");
    match error {
        zbus::Error::FDO(error) => match &**error {
            E::ServiceUnknown(_) | E::NameHasNoOwner(_) | E::SpawnFailed(_) | E::SpawnServiceNotFound(_) => absent,
            E::AccessDenied(_) => gettext("The system bus does not let you talk to the upgrader."),
            _ => gettext("The upgrader does not answer as it should."),
        },
        zbus::Error::Connection(..) | zbus::Error::InputOutput(_) | zbus::Error::Address(_) => {
            gettext("The system bus cannot be reached.")
        }
        _ => gettext("The upgrader does not answer as it should."),
    }
}
