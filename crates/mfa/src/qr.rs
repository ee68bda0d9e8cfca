//! QR codes of an `otpauth://` URI: as SVG for a page, as text for a terminal. Made here, never by a third party.

use std::fmt::Write as _;

use fast_qr::{ECL, QRBuilder, QRCode};
use zeroize::Zeroizing;

/// A QR code. It carries the key: show it to the person and to nobody else.
pub struct QrCode {
    code: Option<QRCode>,
}

/// White modules around the code.
///
/// # Source
/// ISO/IEC 18004, section 9.1.
const QUIET_ZONE: usize = 4;

impl QrCode {
    pub(crate) fn of(uri: &str) -> Self {
        // An otpauth URI of ours is far below the 2331 bytes of the largest code at this level.
        Self { code: QRBuilder::new(uri).ecl(ECL::M).build().ok() }
    }

    /// An SVG image of the code, black on white with its quiet zone, one path, no script, no external reference.
    pub fn svg(&self) -> Zeroizing<String> {
        let size = self.size();
        let side = size.saturating_add(2 * QUIET_ZONE);
        let mut svg = Zeroizing::new(String::with_capacity(16 * 1024));
        let head = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" \
             shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"",
        );
        debug_assert!(head.is_ok(), "a String takes every write");
        for y in 0..size {
            for (x, length) in self.runs(y) {
                let run = write!(
                    svg,
                    "M{} {}h{length}v1h-{length}z",
                    x.saturating_add(QUIET_ZONE),
                    y.saturating_add(QUIET_ZONE)
                );
                debug_assert!(run.is_ok(), "a String takes every write");
            }
        }
        svg.push_str("\"/></svg>");
        svg
    }

    /// The code as lines of half-block characters, two modules high each, dark on light by colour escapes, so that it
    /// scans from terminals of either colour.
    pub fn terminal(&self) -> Zeroizing<String> {
        let (size, quiet) = (self.size(), 2);
        let side = size.saturating_add(quiet).saturating_add(quiet);
        let dark = |x: usize, y: usize| {
            x.checked_sub(quiet).zip(y.checked_sub(quiet)).is_some_and(|(x, y)| self.is_dark(x, y))
        };
        let mut text = Zeroizing::new(String::with_capacity(16 * 1024));
        for y in (0..side).step_by(2) {
            text.push_str("\u{1b}[30;107m");
            for x in 0..side {
                text.push(match (dark(x, y), dark(x, y.saturating_add(1))) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push_str("\u{1b}[0m\n");
        }
        text
    }

    fn size(&self) -> usize {
        self.code.as_ref().map_or(0, |code| code.size)
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let size = self.size();
        x < size
            && y < size
            && self.code.as_ref().is_some_and(|code| row(code, y).get(x).is_some_and(|m| m.value()))
    }

    /// The dark runs of a row, as (start, length).
    fn runs(&self, y: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let size = self.size();
        let mut x = 0;
        std::iter::from_fn(move || {
            while x < size && !self.is_dark(x, y) {
                x = x.saturating_add(1);
            }
            let start = x;
            while x < size && self.is_dark(x, y) {
                x = x.saturating_add(1);
            }
            (x > start).then(|| (start, x.saturating_sub(start)))
        })
    }
}

fn row(code: &QRCode, y: usize) -> &[fast_qr::Module] {
    let start = y.saturating_mul(code.size);
    code.data.get(start..start.saturating_add(code.size)).unwrap_or_default()
}

impl std::fmt::Debug for QrCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("QrCode(..)")
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a panic is how a test fails")]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const URI: &str =
        "otpauth://totp/Example:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example";

    /// The dark modules of the SVG, without its quiet zone. The browser test has an independent scanner read it.
    fn of_svg(svg: &str) -> HashSet<(usize, usize)> {
        let path = svg.rsplit_once("<path d=\"").unwrap().1.split('"').next().unwrap();
        let runs = path.split('M').filter(|run| !run.is_empty()).map(|run| {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let length = rest.split('v').next().unwrap();
            [x, y, length].map(|number| number.parse::<usize>().unwrap())
        });
        runs.flat_map(|[x, y, length]| (x..x + length).map(move |x| (x - QUIET_ZONE, y - QUIET_ZONE)))
            .collect()
    }

    fn of_terminal(text: &str) -> HashSet<(usize, usize)> {
        let mut dark = HashSet::new();
        for (row, line) in text.lines().enumerate() {
            let modules = line.trim_start_matches("\u{1b}[30;107m").trim_end_matches("\u{1b}[0m");
            for (x, half) in modules.chars().enumerate() {
                let (upper, lower) = match half {
                    '█' => (true, true),
                    '▀' => (true, false),
                    '▄' => (false, true),
                    _ => (false, false),
                };
                for (is_dark, y) in [(upper, 2 * row), (lower, 2 * row + 1)] {
                    if is_dark {
                        dark.insert((x - 2, y - 2));
                    }
                }
            }
        }
        dark
    }

    #[test]
    fn terminal_and_svg_show_the_same_modules() {
        let code = QrCode::of(URI);
        let modules = of_svg(&code.svg());
        assert!(modules.len() > 300, "{} modules", modules.len());
        assert_eq!(of_terminal(&code.terminal()), modules);
    }

    #[test]
    fn inv_10_the_svg_holds_no_text_of_the_uri() {
        assert!(!QrCode::of(URI).svg().contains("GEZDG"));
    }

    #[test]
    fn the_longest_uri_that_can_be_made_still_fits() {
        // Issuer and account of the longest kind, every byte of them percent-encoded, and a key of 64 bytes.
        let uri = "x".repeat(20 + 3 * (64 + 256) + 103 + 3 * 64 + 60);
        assert!(QrCode::of(&uri).size() > 0);
    }
}
