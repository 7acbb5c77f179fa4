//! Calls of the node's services, each with its patience.

use std::time::Duration;

use r2r::Client;

use super::OperateError;
use crate::ros::program::making;

/// A future that stays where it is.
pub type Pinned = std::pin::Pin<Box<dyn Future<Output = r2r::Result<()>>>>;

/// Puts a future where it stays.
pub fn pinned(there: impl Future<Output = r2r::Result<()>> + 'static) -> Pinned {
    Box::pin(there)
}

/// Calls a service of the node.
pub async fn call<S: r2r::WrappedServiceTypeSupport + 'static>(
    client: &Client<S>,
    request: &S::Request,
    service: &'static str,
    patience: Duration,
) -> Result<S::Response, OperateError> {
    let answer = client.request(request).map_err(making(service))?;
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        _ => Err(OperateError::NoNode {
            service: format!("{}/{service}", crate::ros::NODE),
        }),
    }
}
