//! Numbers in the fields of a text.

/// A whole number without a sign. Zeros behind a point change nothing: tables with a gap write 75
/// as `75.0`.
pub(super) fn whole(field: &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for (place, &byte) in field.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let zeros = &field[place + 1..];
            let is_whole = byte == b'.' && place > 0 && !zeros.is_empty();
            return (is_whole && zeros.iter().all(|&byte| byte == b'0')).then_some(number);
        }
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    (!field.is_empty()).then_some(number)
}

/// A number with or without a sign, a point and an exponent; never infinite or NaN.
pub(super) fn finite(field: &[u8]) -> Option<f64> {
    if let &[digit @ b'0'..=b'9'] = field {
        return Some(f64::from(digit - b'0'));
    }
    let number: f64 = std::str::from_utf8(field).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

/// Seconds since 1970.
pub(super) fn seconds(field: &[u8]) -> Option<i64> {
    let (negative, digits) = match field.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, field),
    };
    let number = i64::try_from(whole(digits)?).ok()?;
    Some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::text::shown;

    #[test]
    fn numbers_are_read_as_they_stand() {
        assert_eq!(
            [whole(b"0"), whole(b"18446744073709551615")],
            [Some(0), Some(u64::MAX)]
        );
        assert_eq!([whole(b"75.0"), whole(b"0.00")], [Some(75), Some(0)]);
        for bad in [
            &b""[..],
            b"18446744073709551616",
            b"1.5",
            b"1.",
            b".0",
            b"1.0.0",
            b"1.0e3",
            b"-1",
            b" 1",
            b"x",
        ] {
            assert_eq!(whole(bad), None, "{}", shown(bad));
        }
        assert_eq!(
            [finite(b"4"), finite(b"-3.5"), finite(b"1e3")],
            [Some(4.0), Some(-3.5), Some(1e3)]
        );
        assert_eq!(
            [finite(b"nan"), finite(b"inf"), finite(b"caf\xe9")],
            [None; 3]
        );
        assert_eq!(
            [seconds(b"-7"), seconds(b"1.5"), seconds(b"--1")],
            [Some(-7), None, None]
        );
        assert_eq!(seconds(b"978504133.0"), Some(978_504_133));
    }
}
