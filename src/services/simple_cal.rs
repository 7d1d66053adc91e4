//! The service `Cal` (no package): arithmetic in 32 bits.

use tonic::{Request, Response};

use crate::services::schemas::simple_cal::cal_server::Cal;
use crate::services::schemas::simple_cal::{AddRequest, MultiplyRequest, ResultReply};
use crate::status::Status;

/// Adds and multiplies whole numbers; what does not fit in 32 bits is OUT_OF_RANGE.
#[derive(Debug, Clone, Default)]
pub struct CalHandler;

impl Cal for CalHandler {
    async fn add(&self, request: Request<AddRequest>) -> Result<Response<ResultReply>, Status> {
        let AddRequest { number1, number2 } = request.into_inner();
        reply(number1, '+', number2, number1.checked_add(number2))
    }

    async fn multiply(&self, request: Request<MultiplyRequest>) -> Result<Response<ResultReply>, Status> {
        let MultiplyRequest { number1, number2 } = request.into_inner();
        reply(number1, '*', number2, number1.checked_mul(number2))
    }
}

fn reply(left: i32, operator: char, right: i32, number: Option<i32>) -> Result<Response<ResultReply>, Status> {
    let number = number.ok_or_else(|| {
        Status::out_of_range(format!(
            "{left} {operator} {right} does not fit in 32 bits (from {} to {})",
            i32::MIN,
            i32::MAX
        ))
    })?;
    Ok(Response::new(ResultReply { number }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A failed call is a failed test.

    use super::*;
    use crate::status::Code;

    async fn add(number1: i32, number2: i32) -> Result<i32, Status> {
        let reply = CalHandler.add(Request::new(AddRequest { number1, number2 })).await?;
        Ok(reply.into_inner().number)
    }

    async fn multiply(number1: i32, number2: i32) -> Result<i32, Status> {
        let reply = CalHandler.multiply(Request::new(MultiplyRequest { number1, number2 })).await?;
        Ok(reply.into_inner().number)
    }

    #[tokio::test]
    async fn numbers_that_fit_are_answered() {
        assert_eq!(add(2, 3).await.unwrap(), 5);
        assert_eq!(add(i32::MAX, i32::MIN).await.unwrap(), -1);
        assert_eq!(multiply(-4, 5).await.unwrap(), -20);
        assert_eq!(multiply(i32::MIN, 1).await.unwrap(), i32::MIN);
    }

    #[tokio::test]
    async fn numbers_that_do_not_fit_are_out_of_range() {
        let table = [add(i32::MAX, 1).await, add(i32::MIN, -1).await, multiply(i32::MIN, -1).await];
        for result in table {
            assert_eq!(result.unwrap_err().code(), Code::OutOfRange);
        }
        let error = multiply(65_536, 65_536).await.unwrap_err();
        assert!(error.message().starts_with("65536 * 65536 does not fit"), "{}", error.message());
    }
}
