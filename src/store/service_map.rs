//! How services hang together.

use diesel::prelude::*;

use super::schema::accounts::{service_call, service_host};
use super::{Conn, Tx};
use crate::domain::id::ServiceId;
use crate::domain::service_map::{ServiceMap, fold};
use crate::error::Result;

/// All ties.
pub fn load(conn: &mut Conn) -> Result<ServiceMap> {
    let calls: Vec<(ServiceId, ServiceId)> = service_call::table
        .select((service_call::service_id, service_call::other_id))
        .load(conn)?;
    let hosts: Vec<(ServiceId, String)> = service_host::table
        .select((service_host::service_id, service_host::folded_name))
        .load(conn)?;
    Ok(ServiceMap::of(calls, hosts))
}

/// What a service calls.
pub fn calls_of(conn: &mut Conn, id: ServiceId) -> Result<Vec<ServiceId>> {
    Ok(service_call::table
        .filter(service_call::service_id.eq(id))
        .select(service_call::other_id)
        .order(service_call::other_id)
        .load(conn)?)
}

/// Who calls it.
pub fn callers_of(conn: &mut Conn, id: ServiceId) -> Result<Vec<ServiceId>> {
    Ok(service_call::table
        .filter(service_call::other_id.eq(id))
        .select(service_call::service_id)
        .order(service_call::service_id)
        .load(conn)?)
}

/// What it runs on, as it was written.
pub fn hosts_of(conn: &mut Conn, id: ServiceId) -> Result<Vec<String>> {
    Ok(service_host::table
        .filter(service_host::service_id.eq(id))
        .select(service_host::name)
        .order(service_host::folded_name)
        .load(conn)?)
}

/// Makes its ties exactly these.
pub fn put(tx: &mut Tx, id: ServiceId, calls: &[ServiceId], hosts: &[String]) -> Result<()> {
    diesel::delete(service_call::table.filter(service_call::service_id.eq(id)))
        .execute(&mut **tx)?;
    diesel::delete(service_host::table.filter(service_host::service_id.eq(id)))
        .execute(&mut **tx)?;
    for other in calls {
        diesel::insert_into(service_call::table)
            .values((
                service_call::service_id.eq(id),
                service_call::other_id.eq(*other),
            ))
            .execute(&mut **tx)?;
    }
    for name in hosts {
        diesel::insert_into(service_host::table)
            .values((
                service_host::service_id.eq(id),
                service_host::folded_name.eq(fold(name)),
                service_host::name.eq(name),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}
