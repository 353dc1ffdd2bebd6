//! The stick's own updates. They close the ways that a conversion uses, so they can be switched off first.
//! (`cancel-downloading` restarts some sticks and is not offered.)

use crate::hilink::Call;

/// `online-update/autoupdate-config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoUpdate {
    /// Installs updates by itself.
    pub automatic: bool,
    /// `ui_download`, kept as it is.
    pub ui_download: String,
}

/// `GET online-update/autoupdate-config`.
pub fn auto_update() -> Call<AutoUpdate> {
    Call::get("/api/online-update/autoupdate-config", |r| {
        Ok(AutoUpdate {
            automatic: r.flag("auto_update") == Some(true),
            ui_download: r.string("ui_download").unwrap_or_else(|| "0".to_owned()),
        })
    })
}

/// `POST online-update/autoupdate-config`. Wants no login.
pub fn set_auto_update(config: &AutoUpdate) -> Call<()> {
    let automatic = if config.automatic { "1" } else { "0" };
    Call::set(
        "/api/online-update/autoupdate-config",
        &[("auto_update", automatic), ("ui_download", &config.ui_download)],
    )
}
