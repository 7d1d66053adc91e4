//! Text from elsewhere, made fit for a terminal and for this command line.

use std::borrow::Cow;

/// The library's names for settings, and what they are called here. The longer pattern comes first.
const FLAGS: &[(&str, &str)] = &[
    ("`ClientTlsConfig::ca_certificate`", "`--tls-ca`"),
    ("`ClientTlsConfig::domain_name(\"", "`--tls-domain "),
    ("\")`", "`"),
    ("`ClientTlsConfig::domain_name` sets another one", "`--tls-domain` names another one"),
    ("`ClientTlsConfig::domain_name`", "`--tls-domain`"),
    ("`ClientTlsConfig::identity` sets it", "`--tls-cert` and `--tls-key` set it"),
    ("`ClientTlsConfig::identity`", "`--tls-cert` and `--tls-key`"),
    ("; `ClientTlsConfig::timeout` sets another limit", ""),
    ("; if it speaks HTTP/2 without saying so, set `ClientTlsConfig::assume_http2(true)`", ""),
    ("`ServerTlsConfig::client_ca_root`", "`--tls-client-ca`"),
    ("`ServerTlsConfig::identity_for`", "`--tls-sni`"),
    ("`ServerTlsConfig::identity` serves", "`--tls-cert` and `--tls-key` serve"),
    ("`ServerTlsConfig::identity`, which serves", "`--tls-cert` and `--tls-key`, which serve"),
    ("`ServerTlsConfig::timeout`", "`--tls-handshake-timeout`"),
    ("`ServerTlsConfig::max_concurrent_handshakes`", "`--max-tls-handshakes`"),
    (", or let such clients in with `client_auth_optional(true)`", ", or leave `--tls-client-ca` out"),
];

/// A message of the library in the words of this command line: flags instead of methods.
pub(crate) fn in_flags(text: &str) -> String {
    FLAGS.iter().fold(text.to_owned(), |text, (method, flag)| text.replace(method, flag))
}

/// Text without anything that a terminal would obey: control characters are escaped, but for line breaks and tabs.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let is_dangerous = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let escape = |c: char| if is_dangerous(c) { c.escape_unicode().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// Text on one line, for logs: line breaks and tabs are escaped as well.
pub(crate) fn one_line(text: &str) -> String {
    printable(text).replace('\n', "\\n").replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_obeyed() {
        assert_eq!(printable("除数不能为零！\n\tplain"), "除数不能为零！\n\tplain");
        assert_eq!(printable("\u{1b}[2J\r\u{9b}"), "\\u{1b}[2J\\u{d}\\u{9b}");
        assert_eq!(one_line("a\nb"), "a\\nb");
    }

    #[test]
    fn methods_become_flags() {
        let table = [
            ("set it with `ClientTlsConfig::domain_name`", "set it with `--tls-domain`"),
            ("say so with `ClientTlsConfig::domain_name(\"b.example\")`", "say so with `--tls-domain b.example`"),
            ("give it to `ClientTlsConfig::ca_certificate`", "give it to `--tls-ca`"),
            ("does it? `ClientTlsConfig::identity` sets it", "does it? `--tls-cert` and `--tls-key` set it"),
            ("`ServerTlsConfig::max_concurrent_handshakes` permits more", "`--max-tls-handshakes` permits more"),
            ("(`ServerTlsConfig::timeout` sets another limit)", "(`--tls-handshake-timeout` sets another limit)"),
            ("nothing", "nothing"),
        ];
        for (said, meant) in table {
            assert_eq!(in_flags(said), meant);
        }
    }
}
