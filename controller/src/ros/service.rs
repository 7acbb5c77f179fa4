//! Services as this node makes and answers them: on the thread of the asynchronous part, one task for each.

use futures::{Stream, StreamExt as _};
use r2r::{Node, QosProfile, ServiceRequest, WrappedServiceTypeSupport};

use super::program::{ProgramError, making};

/// The requests that come to one service.
pub type Requests<S> = Box<dyn Stream<Item = ServiceRequest<S>> + Unpin>;

/// Makes the service `~/NAME`.
///
/// # Errors
/// When ROS 2 refuses.
pub fn open<S: WrappedServiceTypeSupport + 'static>(
    node: &mut Node,
    name: &str,
) -> Result<Requests<S>, ProgramError> {
    let requests = node
        .create_service::<S>(&format!("~/{name}"), QosProfile::services_default())
        .map_err(making(format!("making the service {name}")))?;
    Ok(Box::new(requests))
}

/// Answers every request at once from how things are; needs a local task set.
pub fn answer<S: WrappedServiceTypeSupport + 'static>(
    mut requests: Requests<S>,
    from: impl Fn(&S::Request) -> S::Response + 'static,
) {
    tokio::task::spawn_local(async move {
        while let Some(request) = requests.next().await {
            let response = from(&request.message);
            respond(request.respond(response));
        }
    });
}

/// Says in the log when an answer could not be sent: whoever asked may be gone.
pub fn respond(sent: r2r::Result<()>) {
    if let Err(error) = sent {
        tracing::warn!(%error, "an answer could not be sent");
    }
}
