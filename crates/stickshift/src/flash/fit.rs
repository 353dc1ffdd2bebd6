//! Whether an image is made for a stick, as far as both tell (docs/protocols/balong-flash.md section 1.3).
//!
//! ```
//! use stickshift::flash::fit;
//!
//! assert_eq!(fit::wrong_product(Some("E3372h_153"), Some("HUAWEI E3372h-153")), None);
//! assert!(fit::wrong_product(Some("E3372h_153"), Some("E3372s_153")).is_some());
//! // What one side does not tell is no contradiction.
//! assert_eq!(fit::wrong_product(None, Some("E3372s_153")), None);
//! ```

use crate::stick::identify::{board, model_of};

/// What the product that a stick names in download mode says against an image's platform (`E3372h_153`). What one side does not tell is no
/// contradiction.
pub fn wrong_product(platform: Option<&str>, product: Option<&str>) -> Option<String> {
    let (platform, product) = (platform?, product?);
    (!same(platform, product)).then(|| format!("the image is for {platform}, the stick is {product}"))
}

/// What a stick's hardware version says against an image's platform (`E3372h_153`). A known board takes its own images only; of
/// another one the letter of the model is compared, where the platform has one.
pub fn wrong_board(platform: &str, hardware: &str) -> Option<String> {
    let model = model_of(hardware)?;
    let family = platform.split(['_', '-']).next().unwrap_or_default().trim();
    if family.is_empty() {
        return None;
    }
    let wrong = match board(hardware) {
        Some(board) => board.images != Some(family),
        None => family.len() == model.len() && family.ends_with(['h', 's']) && family != model,
    };
    wrong.then(|| format!("the image is for {platform}, the stick's hardware {hardware} is an {model}"))
}

/// What a stick's marketing name (`E303`) says against an image's platform (`E3372h_153`). One may be the beginning of the other.
pub fn wrong_model(platform: &str, model: &str) -> Option<String> {
    let plain = |text: &str| {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix("huawei").unwrap_or(&text).trim().to_owned();
        text.split(['_', '-', ' ']).next().unwrap_or_default().to_owned()
    };
    let (image, stick) = (plain(platform), plain(model));
    let is_name = |name: &str| name.len() >= 3 && name.bytes().any(|b| b.is_ascii_digit());
    let fits = image.starts_with(&stick) || stick.starts_with(&image);
    (is_name(&image) && is_name(&stick) && !fits)
        .then(|| format!("the image is for {platform}, the stick is {}", model.trim()))
}

/// The evidence that it is, one line each.
pub fn evidence(platform: Option<&str>, product: Option<&str>) -> Vec<String> {
    match (platform, product) {
        (Some(platform), Some(product)) if same(platform, product) => {
            vec![format!("the stick calls itself {product}, and the image is for it")]
        }
        (None, _) => vec!["the image does not name the stick that it is for".to_owned()],
        (Some(platform), None) => {
            vec![format!("the image is for {platform}; the stick has not said what it is")]
        }
        _ => Vec::new(),
    }
}

/// Compared without case, and without what stands before `HUAWEI` and blanks around.
fn same(a: &str, b: &str) -> bool {
    let plain = |t: &str| {
        let t = t.trim();
        let t = t.get(..7).filter(|p| p.eq_ignore_ascii_case("HUAWEI ")).map_or(t, |_| &t[7..]);
        t.to_ascii_lowercase().replace('-', "_")
    };
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_sides_tell_is_compared() {
        let is_wrong = |platform, product| wrong_product(platform, product).is_some();
        assert!(!is_wrong(Some("E3372h_153"), Some("E3372h_153")));
        assert!(!is_wrong(Some("E3372h_153"), Some("HUAWEI e3372h-153")));
        assert!(!is_wrong(None, Some("E3372s")));
        assert!(is_wrong(Some("E3372h_153"), Some("E3372s_153")));
    }

    #[test]
    fn a_board_takes_its_own_images_only() {
        assert!(wrong_board("E3372h_153", "CL1E3372SM").is_some());
        assert!(wrong_board("E3372h_153", "CL2E3372HM Ver.A").is_none());
        assert!(wrong_board("E3372h-607", "CL2E3372HM").is_none());
        assert!(wrong_board("E3372h_153", "CL4E3372HM").is_some(), "an E3372h-320 is another board");
        assert!(wrong_board("E3372s_153", "CL4E3372HM").is_some());
        assert!(wrong_board("E3276s-150", "CH1E3276SM Ver.C").is_none());
        assert!(wrong_board("E3276h-150", "CH1E3276SM Ver.C").is_some());
        assert!(wrong_board("E5372", "CL1E3372SM").is_some());
        assert!(wrong_board("", "CL1E3372SM").is_none(), "an image that does not say");
        assert!(wrong_board("E3372h_153", "CD24TCPU").is_none(), "hardware that is not known");
    }

    #[test]
    fn evidence_is_only_claimed_when_it_is_there() {
        assert!(evidence(Some("E3372h_153"), Some("E3372h_153"))[0].contains("is for it"));
        assert!(evidence(Some("E3372h_153"), None)[0].contains("has not said"));
        assert!(evidence(Some("A"), Some("B")).is_empty());
    }

    #[test]
    fn a_marketing_name_speaks_against_images_of_other_models() {
        for (model, wrong) in [
            ("E303", true),
            ("K3772", true),
            ("E3372", false),
            ("HUAWEI E3372h", false),
            ("E3372h-153", false),
            ("modem", false),
        ] {
            assert_eq!(wrong_model("E3372h_153", model).is_some(), wrong, "{model}");
        }
    }
}
