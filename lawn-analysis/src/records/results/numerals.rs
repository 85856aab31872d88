//! Numbers of a Parquet file as decimals: the shortest ones that denote them.

/// How wide a floating-point number was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// 16 bits, of which 11 are of the significand.
    Half,
    /// 32 bits, of which 24 are of the significand.
    Single,
}

impl Width {
    /// Bits of the significand.
    pub(super) fn significand(self) -> i32 {
        match self {
            Self::Half => 11,
            Self::Single => 24,
        }
    }

    pub(super) fn bits(self) -> u32 {
        match self {
            Self::Half => 16,
            Self::Single => 32,
        }
    }
}

/// The number that 16 bits stand for.
///
/// ```text
/// (−1)ˢ 2^(e − 15) (1 + f / 1024)      e = 0: (−1)ˢ 2^−14 f / 1024
/// ```
pub(super) fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => sign * f64::INFINITY,
        31 => f64::NAN,
        _ => sign * (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    }
}

/// The shortest decimal that is nearer to the 16-bit number than to any other.
pub(super) fn shortest_half(bits: u16) -> String {
    let value = half(bits);
    if !value.is_finite() {
        return value.to_string();
    }
    let next = half((bits & 0x7fff) + 1);
    let next = if next.is_finite() { next } else { 65_536.0 };
    // Below a power of two numbers lie closer together. There this bound is stricter than needed.
    let lower = half((bits & 0x7fff).saturating_sub(1));
    let spacing = (next - value.abs()).min(value.abs() - lower);
    let near = |text: &String| {
        let read: f64 = text.parse().unwrap_or(f64::NAN);
        (read - value).abs() < spacing / 2.0
    };
    let mut texts = (0..6).map(|digits| format!("{value:.digits$e}"));
    let text = texts.find(near).unwrap_or_else(|| value.to_string());
    // The text gets no exponent, as the others have none.
    text.parse::<f64>()
        .map_or(text, |number| number.to_string())
}

/// Digits of a decimal, without zeros at either end.
pub(super) fn significant(text: &str) -> usize {
    let number = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').len()
}

/// Digits behind the point of the shortest decimal of a number.
pub(super) fn decimals(value: f64) -> usize {
    let text = value.to_string();
    text.split_once('.')
        .map_or(0, |(_, fraction)| fraction.len())
}

/// An integer with a decimal point `scale` digits from its end.
pub(super) fn scaled(digits: &str, scale: usize) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// The digits of an integer in two's complement, most significant byte first.
pub(super) fn big_endian(bytes: &[u8]) -> String {
    let negative = bytes.first().is_some_and(|byte| byte >> 7 == 1);
    let mut magnitude = bytes.to_vec();
    if negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let mut digits = Vec::new();
    while magnitude.iter().any(|byte| *byte > 0) {
        let mut rest = 0_u16;
        for byte in &mut magnitude {
            let part = rest << 8 | u16::from(*byte);
            *byte = (part / 10) as u8;
            rest = part % 10;
        }
        digits.push(char::from(b'0' + rest as u8));
    }
    if digits.is_empty() {
        digits.push('0');
    } else if negative {
        digits.push('-');
    }
    digits.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_they_stand_for_and_short() {
        let cases = [
            (0x3c00, 1.0, "1"),
            (0x3800, 0.5, "0.5"),
            (0x392d, 0.64697265625, "0.647"),
            (0xb92d, -0.64697265625, "-0.647"),
            (0x7bff, 65504.0, "65500"),
            (0xfbff, -65504.0, "-65500"),
            (0x0001, 5.960464477539063e-8, "0.00000006"),
            (0x0000, 0.0, "0"),
        ];
        for (bits, value, text) in cases {
            assert_eq!(half(bits), value, "{bits:#x}");
            assert_eq!(shortest_half(bits), text, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan() && half(0xfc00) == f64::NEG_INFINITY);
        assert_eq!(shortest_half(0x7e00), "NaN");
    }

    #[test]
    fn decimals_have_their_digits() {
        assert_eq!(big_endian(&6102_i64.to_be_bytes()), "6102");
        assert_eq!(big_endian(&(-6102_i32).to_be_bytes()), "-6102");
        assert_eq!(big_endian(&[0, 0]), "0");
        assert_eq!(big_endian(&[]), "0");
        assert_eq!(big_endian(&i128::MIN.to_be_bytes()), i128::MIN.to_string());
        let texts = [
            scaled("6102", 4),
            scaled("-6102", 4),
            scaled("5", 3),
            scaled("-12345", 2),
            scaled("256", 0),
        ];
        assert_eq!(texts, ["0.6102", "-0.6102", "0.005", "-123.45", "256"]);
    }
}
