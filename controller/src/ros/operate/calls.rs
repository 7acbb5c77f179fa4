//! Calls of the node's services, each with its patience.

use std::time::Duration;

use r2r::Client;

use super::OperateError;
use crate::ros::program::{Ending, making};

/// A future that stays where it is.
pub type Pinned = std::pin::Pin<Box<dyn Future<Output = r2r::Result<()>>>>;

/// Puts a future where it stays.
pub fn pinned(there: impl Future<Output = r2r::Result<()>> + 'static) -> Pinned {
    Box::pin(there)
}

/// After so long without the node it is told what is waited for.
const QUIET: Duration = Duration::from_secs(3);

/// Waits until a service of the node is there.
pub async fn wait_for(
    service: &str,
    mut there: Pinned,
    patience: Duration,
    ending: &Ending,
) -> Result<(), OperateError> {
    let no_node = || OperateError::NoNode {
        service: format!("{}/{service}", crate::ros::NODE),
    };
    let waiting = async {
        let Ok(at_once) = tokio::time::timeout(QUIET, &mut there).await else {
            eprintln!(
                "waiting up to {} s for {}/{service}: is the node running, on this ROS_DOMAIN_ID and in this namespace?",
                patience.as_secs(),
                crate::ros::NODE
            );
            return tokio::time::timeout(patience, there).await;
        };
        Ok(at_once)
    };
    tokio::select! {
        there = waiting => match there {
            Ok(Ok(())) => Ok(()),
            _ => Err(no_node()),
        },
        () = ending.wait() => Err(OperateError::Interrupted),
    }
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
