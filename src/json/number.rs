//! Numbers: what an integer field takes of JSON's one kind of number, and of texts.

/// The integer that a text writes: as JSON writes numbers, so that `1e3` and `1.0` are integers, and `+1` and `01` none.
pub(crate) fn integer_from_text(text: &str) -> Result<i128, &'static str> {
    if !is_json_number(text) {
        return Err("this is no number");
    }
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    integer_from_double(text.parse().map_err(|_| "this is no number")?)
}

/// The integer that a double is.
pub(crate) fn integer_from_double(number: f64) -> Result<i128, &'static str> {
    if number.fract() != 0.0 {
        return Err("a whole number was expected");
    }
    // Beyond this the field does not take it either, whatever it is.
    if number.abs() > 2.0 * (u64::MAX as f64) {
        return Err("the number is out of range");
    }
    Ok(number as i128)
}

/// The double that a text writes; with the names that JSON has for what is no number.
pub(crate) fn double_from_text(text: &str) -> Result<f64, &'static str> {
    match text {
        "NaN" => Ok(f64::NAN),
        "Infinity" => Ok(f64::INFINITY),
        "-Infinity" => Ok(f64::NEG_INFINITY),
        _ if !is_json_number(text) => Err("this is no number"),
        _ => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err("the number is out of range"),
        },
    }
}

/// The same for a float.
pub(crate) fn float_from_double(number: f64) -> Result<f32, &'static str> {
    let float = number as f32;
    if number.is_finite() && float.is_infinite() { Err("the number is out of range") } else { Ok(float) }
}

/// Whether a text is a number as JSON writes them.
fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let text = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text.starts_with('0')) {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let places = digits(fraction);
        if places == 0 {
            return false;
        }
        rest = &fraction[places..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let places = digits(exponent);
        return places > 0 && places == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_as_json_writes_numbers() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("42", Some(42)),
            ("-7", Some(-7)),
            ("1e3", Some(1000)),
            ("1.0", Some(1)),
            ("1.50e1", Some(15)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("-9223372036854775808", Some(i64::MIN.into())),
            ("1.5", None),
            ("+1", None),
            ("01", None),
            ("", None),
            ("-", None),
            (" 1", None),
            ("1 ", None),
            ("1.", None),
            (".5", None),
            ("1e", None),
            ("1e400", None),
            ("0x10", None),
            ("NaN", None),
            ("\u{661}", None),
        ] {
            assert_eq!(integer_from_text(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn doubles_have_names_for_what_is_no_number() {
        for (text, expected) in [
            ("1.5", Some(1.5)),
            ("-1e-3", Some(-0.001)),
            ("Infinity", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("inf", None),
            ("nan", None),
            ("infinity", None),
            ("1e999", None),
        ] {
            assert_eq!(double_from_text(text).ok(), expected, "{text}");
        }
        assert!(double_from_text("NaN").is_ok_and(f64::is_nan));
        assert_eq!(float_from_double(3.5e38), Err("the number is out of range"));
        assert_eq!(float_from_double(f64::from(f32::MAX)), Ok(f32::MAX));
    }
}
