#!/usr/bin/env bash
# BuildGrid 0.4.4 (PyPI): it confirms to have stored two things that it does not have.
#
# 1. A blob that is larger than the limit of the memory store (`!lru-storage`, `size`). One expects
#    an error, such as the protocol's RESOURCE_EXHAUSTED. BatchUpdateBlobs answers OK, ByteStream
#    says that all was committed, and the blob is missing. (0.9.1, which needs Python 3.13, does the
#    same.)
# 2. A result in the action cache whose output folder is named by `root_directory_digest` and holds
#    two sub-folders of equal contents. It is accepted, and the next call does not find it. With
#    different contents, or with the folder as `tree_digest`, it is found. (0.9.1's source counts
#    equal folders once.)
#
# For a split build: what links write are the largest files of a build and are lost first, and an
# action with a folder of modules as output may be carried out again each time.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/common.sh"
need python3
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "python3 is older than 3.11" "use Debian 12's"
python3 -m pip --version >/dev/null 2>&1 || fail "python3 has no pip" "apt-get install python3-pip"
pinned=(buildgrid==0.4.4 grpcio==1.85.3 protobuf==7.36.2)
python3 -m pip install --quiet --no-compile --target site "${pinned[@]}" >pip.log 2>&1 || {
  cat pip.log >&2
  fail "pip cannot install BuildGrid 0.4.4" "check the network"
}
export PYTHONPATH=$folder/site

cat >server.yml <<EOF
server:
  - !channel
    address: unix:$folder/socket
    insecure-mode: true
authorization: { method: none }
storages:
  - !lru-storage &memory { size: 1M }
  - !disk-storage &disk { path: $folder/store }
caches:
  - !lru-action-cache &results { storage: *disk, max-cached-refs: 100 }
instances:
  - name: memory
    storages: [*memory]
    services:
      - !cas { storage: *memory }
      - !bytestream { storage: *memory }
  - name: disk
    storages: [*disk]
    services:
      - !cas { storage: *disk }
      - !bytestream { storage: *disk }
      - !action-cache { cache: *results }
EOF
python3 site/bin/bgd server start server.yml >server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null && wait $server 2>/dev/null || true; rm -rf "$folder"' EXIT

cat >ask.py <<'EOF'
import hashlib, sys, uuid
import grpc
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2 as api
from buildgrid._protos.build.bazel.remote.execution.v2 import remote_execution_pb2_grpc as calls
from buildgrid._protos.google.bytestream import bytestream_pb2, bytestream_pb2_grpc

channel = grpc.insecure_channel(f"unix:{sys.argv[1]}")
grpc.channel_ready_future(channel).result(120)
store = calls.ContentAddressableStorageStub(channel)
stream = bytestream_pb2_grpc.ByteStreamStub(channel)
results = calls.ActionCacheStub(channel)

def digest(data):
    return api.Digest(hash=hashlib.sha256(data).hexdigest(), size_bytes=len(data))

def put(message, instance="disk"):
    data = message if isinstance(message, bytes) else message.SerializeToString()
    request = {"digest": digest(data), "data": data}
    answer = store.BatchUpdateBlobs(api.BatchUpdateBlobsRequest(instance_name=instance, requests=[request]))
    return digest(data), "confirmed" if answer.responses[0].status.code == 0 else "refused"

def streamed(data):
    name = f"memory/uploads/{uuid.uuid4()}/blobs/{digest(data).hash}/{len(data)}"
    request = bytestream_pb2.WriteRequest(resource_name=name, data=data, finish_write=True)
    return "confirmed" if stream.Write(iter([request])).committed_size == len(data) else "refused"

def there(data):
    request = api.FindMissingBlobsRequest(instance_name="memory", blob_digests=[digest(data)])
    return "missing" if store.FindMissingBlobs(request).missing_blob_digests else "there"

for what, size in ("half of the limit", 500_000), ("twice the limit", 2_000_000):
    print(f"a blob of {what}, in a batch: {put(b'a' * size, 'memory')[1]}, {there(b'a' * size)}")
    print(f"a blob of {what}, in a stream: {streamed(b'b' * size)}, {there(b'b' * size)}")

def folder(text):
    return api.Directory(files=[api.FileNode(name="object", digest=put(text)[0])])

def output(form, first, second):
    children = [folder(first), folder(second)]
    nodes = [api.DirectoryNode(name=name, digest=put(child)[0]) for name, child in zip(("one", "two"), children)]
    root = api.Directory(directories=nodes)
    if form == "root_directory_digest":
        return api.OutputDirectory(path="out", root_directory_digest=put(root)[0])
    children = {child.SerializeToString(): child for child in children}.values()
    return api.OutputDirectory(path="out", tree_digest=put(api.Tree(root=root, children=children))[0])

for form in "root_directory_digest", "tree_digest":
    for what, second in ("different", b"2"), ("equal", b"1"):
        command = put(api.Command(arguments=[form, what]))[0]
        action = put(api.Action(command_digest=command, input_root_digest=put(api.Directory())[0]))[0]
        result = api.ActionResult(output_directories=[output(form, b"1", second)])
        results.UpdateActionResult(
            api.UpdateActionResultRequest(instance_name="disk", action_digest=action, action_result=result))
        try:
            results.GetActionResult(api.GetActionResultRequest(instance_name="disk", action_digest=action))
            found = "found"
        except grpc.RpcError as error:
            found = error.code().name
        print(f"a result with {what} sub-folders, by {form}: {found}")
EOF
python3 ask.py "$folder/socket" >answers 2>errors || {
  tail -n 5 errors server.log >&2
  fail "the server cannot be asked" "its last messages are above"
}

# seen WHAT EXPECTED: the line of the answers that begins with WHAT.
seen() { sees "$1" "$2" "$(sed -n "s/^$1: //p" answers)"; }
seen "a blob of half of the limit, in a batch" "confirmed, there"
seen "a blob of half of the limit, in a stream" "confirmed, there"
seen "a blob of twice the limit, in a batch" "confirmed, missing"
seen "a blob of twice the limit, in a stream" "confirmed, missing"
seen "a result with different sub-folders, by root_directory_digest" "found"
seen "a result with equal sub-folders, by root_directory_digest" "NOT_FOUND"
seen "a result with different sub-folders, by tree_digest" "found"
seen "a result with equal sub-folders, by tree_digest" "found"
verdict
