//! Why a handshake failed, in words that say whose fault it is and what to do.

use std::fmt;
use std::io;
use std::time::Duration;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage};

use crate::transport::error::{Error, Step};

/// The other side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Server,
    Client,
}

/// It reads "the server" or "the client".
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Peer::Server => "the server",
            Peer::Client => "the client",
        })
    }
}

impl Peer {
    /// One of two texts: for the client's side, whose peer is a server, and for the server's.
    fn choose(self, from_server: &'static str, from_client: &'static str) -> &'static str {
        match self {
            Peer::Server => from_server,
            Peer::Client => from_client,
        }
    }
}

/// The error of a handshake that failed.
pub(super) fn handshake(error: io::Error, peer: Peer) -> Error {
    let explanation = match tls_error(&error) {
        Some(tls) => explain(tls, peer),
        None => explain_io(&error, peer),
    };
    explanation.into_error().with_source(error)
}

/// The error of a handshake that took too long.
pub(super) fn timed_out(limit: Duration, peer: Peer) -> Error {
    Explanation::new(format!("{peer} did not finish the handshake within {limit:?}"))
        .hint(peer.choose(
            "does this port speak TLS? `ClientTlsConfig::timeout` sets another limit",
            "`ServerTlsConfig::timeout` sets another limit",
        ))
        .into_error()
}

/// The same for an error after the handshake. The result keeps its kind, and is a [`transport::Error`](Error) inside
/// unless TLS has nothing to do with it.
pub(super) fn later(error: io::Error, peer: Peer) -> io::Error {
    let explanation = match tls_error(&error) {
        Some(tls) => explain(tls, peer),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            Explanation::new(format!("{peer} cut the connection off, without an end of TLS"))
        }
        None => return error,
    };
    let kind = error.kind();
    io::Error::new(kind, explanation.into_error().with_source(error))
}

/// The same for the first read after the handshake: there TLS 1.3 tells a client that its certificate was refused,
/// and some servers cut the connection off instead.
pub(super) fn at_first_read(error: io::Error, peer: Peer) -> io::Error {
    if peer == Peer::Client || error.kind() != io::ErrorKind::UnexpectedEof {
        return later(error, peer);
    }
    let explanation = Explanation::new("the server cut the connection off right after the handshake").hint(
        "does it require a client certificate that it trusts? `ClientTlsConfig::identity` sets it; its log may say \
         more",
    );
    io::Error::new(error.kind(), explanation.into_error().with_source(error))
}

fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref::<TlsError>()
}

/// Whether rustls refuses a certificate as an end entity only because it is marked as a CA.
///
/// The error's type belongs to a crate that rustls does not export; its name has been the same for ten years, and
/// a test with a real certificate notices should it change.
pub(super) fn is_ca_as_end_entity(error: &TlsError) -> bool {
    match error {
        TlsError::InvalidCertificate(CertificateError::Other(other)) => format!("{:?}", other.0) == "CaUsedAsEndEntity",
        _ => false,
    }
}

/// Whether rustls cannot read a certificate because it is of version 1 or 2.
fn is_old_version(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(other) if format!("{:?}", other.0) == "UnsupportedCertVersion")
}

struct Explanation {
    message: String,
    hint: Option<String>,
}

impl Explanation {
    fn new(message: impl Into<String>) -> Self {
        Explanation { message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn into_error(self) -> Error {
        let error = Error::new(Step::Tls, self.message);
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

fn explain_io(error: &io::Error, peer: Peer) -> Explanation {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Explanation::new(format!("{peer} closed the connection during the handshake"))
            .hint(peer.choose(
            "does this port speak TLS? for a server without it the target starts with http://",
            "a client does so when it does not trust the server's certificate, or only looks whether the port is open",
        )),
        _ => Explanation::new(format!("the connection broke during the handshake: {error}")),
    }
}

fn explain(error: &TlsError, peer: Peer) -> Explanation {
    match error {
        TlsError::InvalidCertificate(error) if is_ca_as_end_entity(&TlsError::InvalidCertificate(error.clone())) => {
            explain_ca(peer)
        }
        TlsError::InvalidCertificate(error) => explain_certificate(error, peer),
        TlsError::AlertReceived(alert) => explain_alert(*alert, peer),
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            Explanation::new(format!("what {peer} sent is not TLS")).hint(peer.choose(
                "for a server without TLS the target starts with http://",
                "the client connects in plain text: its target must start with https://, or it must use a secure \
                 channel",
            ))
        }
        TlsError::NoCertificatesPresented => Explanation::new(format!("{peer} presented no certificate"))
            .hint("give the client an identity, or let such clients in with `client_auth_optional(true)`"),
        TlsError::NoApplicationProtocol => {
            if cfg!(feature = "http1") {
                Explanation::new(format!("{peer} offers neither HTTP/2 nor HTTP/1.1 in the handshake (ALPN)"))
                    .hint("a gRPC client offers `h2`")
            } else {
                Explanation::new(format!("{peer} does not offer HTTP/2 in the handshake (ALPN)")).hint(
                    "a gRPC client offers `h2`; for HTTP/1.1 the server is to be built with seltzer's feature `http1`",
                )
            }
        }
        TlsError::PeerIncompatible(reason) => {
            Explanation::new(format!("{peer} has no version or cipher of TLS in common with us: {reason:?}"))
                .hint("it must speak TLS 1.2 or 1.3 with an AEAD cipher")
        }
        other => Explanation::new(format!("{peer} broke the rules of TLS, or the connection is damaged: {other}")),
    }
}

fn explain_ca(peer: Peer) -> Explanation {
    Explanation::new(format!(
        "{peer}'s certificate is marked as that of a CA (CA:TRUE) and is none of the roots that are trusted here"
    ))
    .hint(peer.choose(
        "a self-signed certificate is trusted when exactly this certificate is given to \
         `ClientTlsConfig::ca_certificate`",
        "a self-signed certificate is trusted when exactly this certificate is given to \
         `ServerTlsConfig::client_ca_root`",
    ))
}

fn explain_certificate(error: &CertificateError, peer: Peer) -> Explanation {
    let say = |what: &str| Explanation::new(format!("{peer}'s certificate {what}"));
    match error {
        CertificateError::UnknownIssuer => say("comes from nobody who is trusted here").hint(peer.choose(
            "give the certificate of its CA, or the server's own if that is self-signed, to \
             `ClientTlsConfig::ca_certificate`",
            "give the certificate of its CA, or the client's own if that is self-signed, to \
             `ServerTlsConfig::client_ca_root`",
        )),
        CertificateError::ExpiredContext { time, not_after } => {
            say(&format!("expired {} ago", days_between(*not_after, *time)))
                .hint("it must be renewed, unless the clock of this machine is wrong")
        }
        CertificateError::Expired => say("is expired").hint("it must be renewed"),
        CertificateError::NotValidYetContext { time, not_before } => {
            say(&format!("is valid only {} from now", days_between(*time, *not_before)))
                .hint("is the clock of this machine right?")
        }
        CertificateError::NotValidForNameContext { expected, presented } => explain_name(expected, presented),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => say(
            peer.choose("is not meant for servers", "is not meant for clients")
        )
        .hint(
            peer.choose("its extended key usage leaves serverAuth out", "its extended key usage leaves clientAuth out"),
        ),
        CertificateError::BadSignature => {
            Explanation::new(format!("the signature of {peer}'s certificate or handshake is wrong")).hint(
                "is another certificate of the same name configured as root here? or is its key too small? RSA takes \
                 2048 bits",
            )
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => say(
            "is of a kind that is not supported",
        )
        .hint("supported are RSA with 2048 bits or more, ECDSA on P-256 or P-384, and Ed25519, signed with SHA-2"),
        CertificateError::BadEncoding => say("is malformed"),
        old if is_old_version(old) => say("is of X.509 version 1, which is not supported")
            .hint("`openssl req -x509 -addext subjectAltName=DNS:NAME ...` makes one of version 3"),
        other => say(&format!("is not acceptable: {other}")),
    }
}

fn explain_name(expected: &ServerName<'_>, presented: &[String]) -> Explanation {
    let kind = if matches!(expected, ServerName::IpAddress(_)) { "IP" } else { "DNS" };
    let expected = expected.to_str();
    // rustls writes them as `DnsName("a.example")` and `IpAddress(127.0.0.1)`.
    let names: Vec<&str> = presented
        .iter()
        .map(|name| {
            let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
            inner.unwrap_or(name).trim_matches('"')
        })
        .collect();
    match names.first() {
        Some(first) => {
            Explanation::new(format!("the server's certificate is for {}, not for {expected}", names.join(", "))).hint(
                format!("if that is the server you mean, say so with `ClientTlsConfig::domain_name(\"{first}\")`"),
            )
        }
        None => Explanation::new(format!(
            "the server's certificate is not for {expected}: it names no host and no address (no subjectAltName)"
        ))
        .hint(format!("`openssl req -x509 -addext subjectAltName={kind}:{expected} ...` makes one that is")),
    }
}

fn explain_alert(alert: AlertDescription, peer: Peer) -> Explanation {
    match alert {
        AlertDescription::CertificateRequired => {
            Explanation::new(format!("{peer} requires a certificate and got none"))
                .hint("give the client one with `ClientTlsConfig::identity`")
        }
        AlertDescription::NoApplicationProtocol => {
            Explanation::new(format!("{peer} does not speak HTTP/2 on this port (ALPN)")).hint("is this the gRPC port?")
        }
        AlertDescription::UnrecognisedName => Explanation::new(format!("{peer} does not go by this name"))
            .hint("`ClientTlsConfig::domain_name` sets another one"),
        AlertDescription::MissingExtension => Explanation::new(format!("{peer} refused the handshake: {alert:?}"))
            .hint(peer.choose(
                "it may have to be asked for by name: connect by its host name, not by its address",
                "it may be too old",
            )),
        AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => {
            Explanation::new(format!("{peer} refused the handshake: {alert:?}"))
                .hint("it must speak TLS 1.2 or 1.3 with an AEAD cipher")
        }
        AlertDescription::HandshakeFailure => Explanation::new(format!("{peer} refused the handshake: {alert:?}"))
            .hint(peer.choose(
                "it has no cipher in common with us, has a certificate of a kind that is not supported, or requires a \
                 client certificate (`ClientTlsConfig::identity`)",
                "it has no cipher in common with us, or does not support the server's kind of certificate",
            )),
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::DecryptError
        | AlertDescription::AccessDenied => explain_refusal(alert, peer),
        other => Explanation::new(format!("{peer} broke off the connection: {other:?}")),
    }
}

fn explain_refusal(alert: AlertDescription, peer: Peer) -> Explanation {
    Explanation::new(format!("{peer} refused {} certificate: {alert:?}", peer.choose("the client's", "the server's")))
        .hint(peer.choose(
            "the server must trust it, or its CA; `ClientTlsConfig::identity` sets it",
            "the client must trust it, or its CA, and connect by a name that is in it",
        ))
}

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

fn days_between(earlier: UnixTime, later: UnixTime) -> String {
    match later.as_secs().saturating_sub(earlier.as_secs()) / SECONDS_A_DAY {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

    use std::io;
    use std::time::Duration;

    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::{AlertDescription, CertificateError, Error as TlsError};

    use super::Peer;

    fn check(error: TlsError, peer: Peer, expected: &str) {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        assert_eq!(super::handshake(error, peer).to_string(), expected);
    }

    #[test]
    fn dates_are_told_in_days() {
        let day = |days: u64| UnixTime::since_unix_epoch(Duration::from_secs(days * 24 * 60 * 60));
        let expired = |days: u64| CertificateError::ExpiredContext { time: day(100 + days), not_after: day(100) };
        for (days, words) in [(0, "less than a day"), (1, "1 day"), (2, "2 days")] {
            let expected = format!(
                "the client's certificate expired {words} ago (it must be renewed, unless the clock of this machine \
                 is wrong)"
            );
            check(expired(days).into(), Peer::Client, &expected);
        }
    }

    #[test]
    fn names_lose_their_wrapping() {
        let error = CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("a.example").unwrap(),
            presented: vec!["DnsName(\"b.example\")".into(), "IpAddress(192.0.2.1)".into(), "odd".into()],
        };
        check(
            error.into(),
            Peer::Server,
            "the server's certificate is for b.example, 192.0.2.1, odd, not for a.example \
             (if that is the server you mean, say so with `ClientTlsConfig::domain_name(\"b.example\")`)",
        );
    }

    #[test]
    fn refusals_by_the_peer() {
        check(
            TlsError::AlertReceived(AlertDescription::UnknownCA),
            Peer::Client,
            "the client refused the server's certificate: UnknownCA \
             (the client must trust it, or its CA, and connect by a name that is in it)",
        );
        check(
            TlsError::AlertReceived(AlertDescription::CertificateExpired),
            Peer::Server,
            "the server refused the client's certificate: CertificateExpired \
             (the server must trust it, or its CA; `ClientTlsConfig::identity` sets it)",
        );
        check(
            TlsError::AlertReceived(AlertDescription::InternalError),
            Peer::Server,
            "the server broke off the connection: InternalError",
        );
    }

    #[test]
    fn other_errors_pass_through_unchanged() {
        let error = super::later(io::Error::new(io::ErrorKind::ConnectionReset, "reset"), Peer::Server);
        assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::ConnectionReset, "reset".into()));
    }
}
