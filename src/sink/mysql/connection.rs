//! What every connection to a target has beside its address.

use std::time::Duration;

use super::secret::Secret;

/// What every connection to a target has beside its address. The default adds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// The password, where the address names none.
    pub password: Option<Secret>,
    /// Session variables, set in this order when everything else is; a value is written as it is, without quotes.
    pub variables: Vec<(String, String)>,
    /// Names of SQL modes that are on beside those that tisync needs: how the target reads the text of DDL.
    pub sql_mode: Vec<String>,
    /// How long an answer may take before the connection counts as lost; 60 s if `None`. DDL is waited for without end.
    pub read_timeout: Option<Duration>,
    /// Whether a password may go to another machine without TLS.
    pub allow_plain_password: bool,
}
