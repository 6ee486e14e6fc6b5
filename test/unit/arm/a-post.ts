import { createPipelineRequest, type PipelineRequest } from '@azure/core-rest-pipeline'

export function aPost(origin: string, change: Partial<PipelineRequest> = {}): PipelineRequest {
  return Object.assign(
    createPipelineRequest({
      url: `${origin}/backends/orders/reconnect?api-version=2024-05-01`,
      method: 'POST',
      allowInsecureConnection: true,
    }),
    change,
  )
}
