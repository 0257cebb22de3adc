//! Who is told by outgoing webhooks.

diesel::table! {
    webhook (id) {
        id -> Binary,
        name -> Text,
        url -> Text,
        secret -> Text,
        events -> Text,
        is_enabled -> Bool,
        made_at -> BigInt,
        version -> BigInt,
    }
}
