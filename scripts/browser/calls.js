// Calls to the demo services by the clients that pages have, bundled into one script for a page. Each call gives
// what came of it as plain values.

import { createFileRegistry, create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import grpcWeb from "grpc-web";

let registry;

/** Knows the schemas: a google.protobuf.FileDescriptorSet in base64. */
export function learn(schemas) {
  registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, base64Decode(schemas)));
}

/** What came of a call: its answers, or the name of its code and its message. */
async function outcome(answers, codeOf) {
  try {
    return { answers: await answers() };
  } catch (error) {
    return { code: codeOf(error.code), message: error.rawMessage ?? error.message };
  }
}

const transports = {
  "connect-json": (baseUrl) => createConnectTransport({ baseUrl }),
  "connect-proto": (baseUrl) => createConnectTransport({ baseUrl, useBinaryFormat: true }),
  "connect-web-grpc-web": (baseUrl) => createGrpcWebTransport({ baseUrl }),
};

/** By @connectrpc/connect-web. `method` is the name of a method, such as `sayHello`. */
function byConnect(transport, service, method, request) {
  const schema = registry.getService(service);
  const client = createClient(schema, transports[transport](location.origin));
  const { methodKind, output } = schema.method[method];
  return outcome(async () => {
    const answers = [];
    if (methodKind === "unary") {
      answers.push(await client[method](request));
    } else {
      for await (const answer of client[method](request)) answers.push(answer);
    }
    return answers.map((answer) => toJson(output, answer));
  }, (code) => Code[code]);
}

/** By grpc-web, whose generated code would hold these descriptors. */
function byGrpcWeb(format, service, method, request) {
  const { name, methodKind, input, output } = registry.getService(service).method[method];
  const kind = methodKind === "unary" ? grpcWeb.MethodType.UNARY : grpcWeb.MethodType.SERVER_STREAMING;
  const path = `/${service}/${name}`;
  const descriptor = new grpcWeb.MethodDescriptor(
    path, kind, Object, Object,
    (message) => toBinary(input, message),
    (bytes) => fromBinary(output, bytes),
  );
  const client = new grpcWeb.GrpcWebClientBase({ format });
  const message = create(input, request);
  const url = location.origin + path;
  const answers = () => new Promise((resolve, reject) => {
    const all = [];
    if (kind === grpcWeb.MethodType.UNARY) {
      client.rpcCall(url, message, {}, descriptor, (error, answer) => {
        if (error) reject(error);
        else resolve([toJson(output, answer)]);
      });
      return;
    }
    const stream = client.serverStreaming(url, message, {}, descriptor);
    stream.on("data", (answer) => all.push(toJson(output, answer)));
    stream.on("error", reject);
    stream.on("end", () => resolve(all));
  });
  return outcome(answers, (code) => Code[code]);
}

/** Makes a call by one of the clients. */
export function call(by, service, method, request) {
  const text = { "grpc-web-text": "text", "grpc-web-binary": "binary" }[by];
  return text ? byGrpcWeb(text, service, method, request) : byConnect(by, service, method, request);
}
