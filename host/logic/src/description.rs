//! JSON forms that no type of ours has, for the descriptions of those that contain them (feature
//! `schema`). Nothing here is ever a value.

use std::borrow::Cow;

use utoipa::openapi::schema::{AllOfBuilder, ArrayBuilder, ArrayItems, ObjectBuilder, Schema};
use utoipa::openapi::{KnownFormat, Ref, RefOr, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::control::io::ClearedBy;

/// A length of time.
#[derive(ToSchema)]
pub struct Duration {
    /// Whole seconds.
    pub secs: u64,
    /// The rest in nanoseconds, less than a second.
    #[schema(maximum = 999_999_999)]
    pub nanos: u32,
}

/// When an alarm was cleared, and by what: always these two.
pub struct Cleared;

impl PartialSchema for Cleared {
    fn schema() -> RefOr<Schema> {
        let at = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(0))
            .description(Some("When, in milliseconds since 1970-01-01 UTC."));
        // An item of a tuple can not be a reference itself.
        let by = AllOfBuilder::new().item(Ref::from_schema_name(ClearedBy::name()));
        ArrayBuilder::new()
            .description(Some("When an alarm was cleared, and by what: always these two."))
            .prefix_items([Schema::from(at), Schema::from(by)])
            .items(ArrayItems::False)
            .min_items(Some(2))
            .max_items(Some(2))
            .into()
    }
}

impl ToSchema for Cleared {
    fn name() -> Cow<'static, str> {
        "Cleared".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ClearedBy::name().into_owned(), ClearedBy::schema()));
        ClearedBy::schemas(schemas);
    }
}
