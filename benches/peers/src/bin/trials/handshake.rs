//! Handshakes of TLS that only look at the server's certificate.

use std::net::TcpStream;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use seltzer_peers::load::Error;
use seltzer_peers::wire::socket;
use seltzer_peers::wire::tls::Security;

/// A handshake takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// The version of a certificate, where it is not the first.
const VERSION: u8 = 0xa0;

/// The serial number of the certificate that a server shows, in hexadecimal digits.
///
/// # Errors
/// The handshake fails.
pub(crate) async fn serial_shown(port: u16, security: Security) -> Result<String, Error> {
    tokio::task::spawn_blocking(move || -> Result<String, Error> {
        let socket: TcpStream = socket::connect(port, None)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut connection = security.around(socket)?;
        connection.shake_hands()?;
        let shown = connection.certificates().first().ok_or("the server shows no certificate")?;
        Ok(serial(shown).ok_or("the server's certificate cannot be read")?)
    })
    .await?
}

/// The serial number of the certificate in a file.
///
/// # Errors
/// There is none.
pub(crate) fn serial_in(path: &std::path::Path) -> Result<String, Error> {
    let wrong = || format!("{} is no certificate", path.display());
    let certificate = CertificateDer::from_pem_file(path).map_err(|_| wrong())?;
    Ok(serial(&certificate).ok_or_else(wrong)?)
}

/// Certificate → TBSCertificate → past its version → serial number (RFC 5280, section 4.1).
fn serial(certificate: &[u8]) -> Option<String> {
    let (_, certificate, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, signed, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (tag, content, rest) = element(signed)?;
    let (tag, content) =
        if tag == VERSION { element(rest).map(|(tag, content, _)| (tag, content))? } else { (tag, content) };
    (tag == INTEGER).then(|| content.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Tag, content, and what follows (X.690, section 8.1).
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_found() {
        let table: [(&[u8], Option<&str>); 4] = [
            (&[0x30, 12, 0x30, 10, 0xa0, 3, 2, 1, 2, 2, 3, 1, 0x0a, 0xff], Some("010aff")),
            // Of the first version, which is not written down.
            (&[0x30, 0x81, 5, 0x30, 3, 2, 1, 7], Some("07")),
            (&[0x30, 5, 0x30, 3, 4, 1, 7], None),
            (&[0x30, 9, 0x30], None),
        ];
        for (certificate, expected) in table {
            assert_eq!(serial(certificate).as_deref(), expected, "{certificate:x?}");
        }
    }
}
