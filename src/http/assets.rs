//! What the browser needs besides pages: one style sheet, one script, fonts, an icon. Embedded in the binary.
//!
//! Every name carries a hash of its bytes, so that a browser may keep it for a year and still sees a new version at once.
//! The sheets are joined in one file and the scripts in another: three requests make a first paint.

use std::collections::HashMap;
use std::sync::OnceLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "static"]
struct StaticFiles;

/// Where assets live: `/a/<name>-<hash>.<ext>`.
pub const PREFIX: &str = "/a/";

const SHEETS: [&str; 2] = ["tokens.css", "app.css"];
/// The page in the night fetches this and nothing else: 8 KB must do on a bad line.
const NIGHT: &str = "night.css";
const SCRIPTS: [&str; 4] = ["clock.js", "draft.js", "live.js", "keys.js"];
const LOOSE: [(&str, &str); 3] = [
    ("fonts/atkinson-next.woff2", "font/woff2"),
    ("fonts/atkinson-mono.woff2", "font/woff2"),
    ("icon.svg", "image/svg+xml"),
];

/// The table of everything that is served, made once.
pub struct Assets {
    by_name: HashMap<String, Asset>,
    /// Address of the style sheet.
    pub css: String,
    /// Address of the script.
    pub js: String,
    /// Address of the icon.
    pub icon: String,
    /// Address of the night page's own small sheet.
    pub night: String,
}

struct Asset {
    kind: &'static str,
    bytes: web::Bytes,
}

impl Assets {
    pub fn get() -> &'static Assets {
        static ASSETS: OnceLock<Assets> = OnceLock::new();
        ASSETS.get_or_init(Assets::make)
    }

    fn make() -> Self {
        let mut assets = Self {
            by_name: HashMap::new(),
            css: String::new(),
            js: String::new(),
            icon: String::new(),
            night: String::new(),
        };
        let mut sheet = joined(&SHEETS);
        for (path, kind) in LOOSE {
            let address = assets.add(path, kind, file(path).into());
            // The sheet names its fonts relative to itself; they are served under their hashed names.
            sheet = sheet.replace(&format!("url({path})"), &format!("url({address})"));
            if path == "icon.svg" {
                assets.icon = address;
            }
        }
        assets.css = assets.add("app.css", "text/css; charset=utf-8", sheet.into());
        assets.night = assets.add(NIGHT, "text/css; charset=utf-8", file(NIGHT).into());
        assets.js = assets.add(
            "app.js",
            "text/javascript; charset=utf-8",
            joined(&SCRIPTS).into(),
        );
        assets
    }

    /// Adds a file under its hashed name and gives its address.
    fn add(&mut self, path: &str, kind: &'static str, bytes: web::Bytes) -> String {
        let hash: String = Sha256::digest(&bytes)
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let file = path.rsplit('/').next().unwrap_or(path);
        let (stem, extension) = file.rsplit_once('.').unwrap_or((file, "bin"));
        let name = format!("{stem}-{hash}.{extension}");
        let address = format!("{PREFIX}{name}");
        self.by_name.insert(name, Asset { kind, bytes });
        address
    }
}

/// `GET /a/{name}`: the bytes for a year, or 404 for a name of another version.
pub async fn serve(name: web::Path<String>) -> HttpResponse {
    match Assets::get().by_name.get(name.as_str()) {
        Some(asset) => HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, asset.kind))
            .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .body(asset.bytes.clone()),
        None => HttpResponse::NotFound()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish(),
    }
}

fn file(path: &str) -> Vec<u8> {
    StaticFiles::get(path)
        .map(|file| file.data.into_owned())
        .unwrap_or_default()
}

fn joined(paths: &[&str]) -> String {
    paths
        .iter()
        .map(|path| String::from_utf8_lossy(&file(path)).into_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_exists_and_the_sheet_names_fonts_that_are_served() {
        let assets = Assets::get();
        assert!(assets.by_name.values().all(|asset| asset.bytes.len() > 100));
        let sheet = &assets.by_name[assets.css.trim_start_matches(PREFIX)];
        let text = String::from_utf8_lossy(&sheet.bytes);
        let fonts: Vec<&str> = text
            .split("url(")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
            .collect();
        let served: Vec<_> = fonts
            .iter()
            .filter_map(|address| address.strip_prefix(PREFIX))
            .filter(|name| assets.by_name.contains_key(*name))
            .collect();
        assert_eq!(served.len(), 2, "{fonts:?}");
    }
}
