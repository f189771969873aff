//! What a service model says about the service and its operations.

use crate::schema::Schema;

/// One AWS service, all operations of its model included.
#[derive(Debug)]
pub struct ServiceModel {
    /// Folder of the model, as in `kms`; the name the AWS CLI gives the service.
    pub name: &'static str,
    /// The `serviceId`, as in `KMS`.
    pub service_id: &'static str,
    /// First label of AWS's own endpoints.
    pub endpoint_prefix: &'static str,
    /// The service in the scope of a signature.
    pub signing_name: &'static str,
    /// Version of the interface, as in `2014-11-01`.
    pub api_version: &'static str,
    /// What precedes the operation in `X-Amz-Target` and in the paths of RPC v2 CBOR.
    pub target_prefix: Option<&'static str>,
    /// Protocols a client may use, the preferred one first.
    pub protocols: &'static [Protocol],
    /// Namespace of XML answers.
    pub xml_namespace: Option<&'static str>,
    /// One endpoint for the partition instead of one a region.
    pub global: bool,
    /// How the service words refusals of invalid input.
    pub validation: ValidationStyle,
    /// Adds `x-amzn-query-error` for clients that know the service's former Query errors.
    pub query_compatible: bool,
    /// Every error of the model, whichever operations list it.
    pub errors: &'static [ErrorModel],
    /// Every operation of the model, implemented or not.
    pub operations: &'static [OperationModel],
}

impl ServiceModel {
    /// The operation called `name`.
    pub fn operation(&self, name: &str) -> Option<&'static OperationModel> {
        self.operations.iter().find(|operation| operation.name == name)
    }

    /// The service as a source of events and as a principal, as in `kms.amazonaws.com` (CloudTrail's `eventSource`).
    pub fn event_source(&self) -> String {
        format!("{}.amazonaws.com", self.signing_name)
    }

    /// The error whose shape or else whose wire code is `code`. An operation may answer errors that its own list in the model leaves out.
    pub fn error(&self, code: &str) -> Option<&'static ErrorModel> {
        let by_shape = self.errors.iter().find(|error| error.shape == code);
        by_shape.or_else(|| self.errors.iter().find(|error| error.code == code))
    }
}

/// One operation of a service.
#[derive(Clone, Copy, Debug)]
pub struct OperationModel {
    /// Name, as in `Encrypt`.
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Template of path and query, as in `/v1/keys/{KeyId}?list`.
    pub uri: &'static str,
    /// HTTP status of success.
    pub status: u16,
    /// Shape of the input; `None` if it has none or is not generated.
    pub input: Option<&'static Schema>,
    /// Shape of the output; `None` if it has none or is not generated.
    pub output: Option<&'static Schema>,
    /// Element around the output in Query answers.
    pub result_wrapper: Option<&'static str>,
    /// Errors of the model.
    pub errors: &'static [ErrorModel],
    /// Callers need not sign (`authtype` none).
    pub unsigned: bool,
    /// The action that permits it, as in `kms:Encrypt`; `None` for what has no action of its own name (Service Authorization Reference).
    pub action: Option<&'static str>,
    /// The action's access level.
    pub access: Option<AccessLevel>,
}

/// What an action may do (Service Authorization Reference, "Access level").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLevel {
    /// List resources.
    List,
    /// Read contents and attributes of resources.
    Read,
    /// Create, change and delete resources.
    Write,
    /// Change tags of resources.
    Tagging,
    /// Grant or change permissions.
    Permissions,
}

impl AccessLevel {
    /// Whether nothing is changed.
    pub fn reads(self) -> bool {
        matches!(self, AccessLevel::List | AccessLevel::Read)
    }
}

impl OperationModel {
    /// An operation that is `POST /` and answers 200, has neither input nor output nor errors.
    pub const fn new(name: &'static str) -> Self {
        OperationModel {
            name,
            method: "POST",
            uri: "/",
            status: 200,
            input: None,
            output: None,
            result_wrapper: None,
            errors: &[],
            unsigned: false,
            action: None,
            access: None,
        }
    }

    /// Sets method, template and status.
    pub const fn http(mut self, method: &'static str, uri: &'static str, status: u16) -> Self {
        self.method = method;
        self.uri = uri;
        self.status = status;
        self
    }

    /// Sets the input.
    pub const fn input(mut self, schema: &'static Schema) -> Self {
        self.input = Some(schema);
        self
    }

    /// Sets the output.
    pub const fn output(mut self, schema: &'static Schema) -> Self {
        self.output = Some(schema);
        self
    }

    /// Sets [`OperationModel::result_wrapper`].
    pub const fn result_wrapper(mut self, element: &'static str) -> Self {
        self.result_wrapper = Some(element);
        self
    }

    /// Sets the errors.
    pub const fn errors(mut self, errors: &'static [ErrorModel]) -> Self {
        self.errors = errors;
        self
    }

    /// Sets [`OperationModel::unsigned`].
    pub const fn unsigned(mut self) -> Self {
        self.unsigned = true;
        self
    }

    /// Sets [`OperationModel::action`] and [`OperationModel::access`].
    pub const fn action(mut self, action: &'static str, access: AccessLevel) -> Self {
        self.action = Some(action);
        self.access = Some(access);
        self
    }

    /// Whether the operation's own list has the error with this shape.
    pub fn documents(&self, shape: &str) -> bool {
        self.errors.iter().any(|error| error.shape == shape)
    }
}

/// One error of a model.
#[derive(Clone, Copy, Debug)]
pub struct ErrorModel {
    /// Name of the shape; what the JSON and CBOR protocols send.
    pub shape: &'static str,
    /// What the Query protocol sends; the shape's name where the model says nothing else.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Whether the caller is to blame.
    pub sender: bool,
    /// Name of the member that carries the text: `message` or `Message`.
    pub message: &'static str,
    /// The shape, where it has members besides the message.
    pub schema: Option<&'static Schema>,
}

impl ErrorModel {
    /// An error that the caller caused, with its text in `message`.
    pub const fn new(shape: &'static str, status: u16) -> Self {
        ErrorModel { shape, code: shape, status, sender: status < 500, message: "message", schema: None }
    }

    /// Sets [`ErrorModel::code`].
    pub const fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// Sets [`ErrorModel::sender`], where the status alone does not say it.
    pub const fn sender(mut self, sender: bool) -> Self {
        self.sender = sender;
        self
    }

    /// Sets [`ErrorModel::message`].
    pub const fn message(mut self, member: &'static str) -> Self {
        self.message = member;
        self
    }

    /// Sets [`ErrorModel::schema`].
    pub const fn schema(mut self, schema: &'static Schema) -> Self {
        self.schema = Some(schema);
        self
    }
}

/// Protocols of AWS services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// JSON 1.0, operation in `X-Amz-Target`.
    Json10,
    /// JSON 1.1, operation in `X-Amz-Target`.
    Json11,
    /// Form parameters in, XML out.
    Query,
    /// Query where the caller asks for answers in JSON, with `Accept: application/json`.
    QueryJson,
    /// Query as EC2 alone speaks it.
    Ec2Query,
    /// JSON bodies with bindings to path, query and headers.
    RestJson,
    /// XML bodies with bindings to path, query and headers.
    RestXml,
    /// Smithy RPC v2 with CBOR bodies.
    Cbor,
    /// The API of external key store proxies: JSON bodies with bindings to the path, and errors of its own form.
    Xks,
}

/// How a service names the refusal of input that breaks the constraints of its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidationStyle {
    /// `ValidationException`, as the JSON, REST-JSON and CBOR services do.
    Json,
    /// `ValidationError`, as IAM, STS and the other Query services do.
    Query,
}

impl ValidationStyle {
    /// The error's code.
    pub fn code(self) -> &'static str {
        match self {
            ValidationStyle::Json => "ValidationException",
            ValidationStyle::Query => "ValidationError",
        }
    }
}
