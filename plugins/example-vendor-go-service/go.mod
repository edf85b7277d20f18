module example.com/example-vendor-go-service

go 1.19
